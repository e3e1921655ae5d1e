"""What PostgreSQL and Valkey have in common when a wheel brings them and this process runs them."""

import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from deploy.local.errors import ServerError
from deploy.local.leash import leashed
from deploy.local.ports import free_port
from deploy.local.private_files import last_lines, make_private_folder, open_log, size_of
from deploy.local.processes import describe_exit, is_running, never, send, wait_until

_START_SECONDS = 60.0
_PORT_ATTEMPTS = 5
_PORT_TAKEN = "ddress already in use"


class EmbeddedServer(ABC):
    """A server that ends with this process, and that keeps its port for as long as this object lives."""

    name: ClassVar[str]
    title: ClassVar[str]
    parting_signal: ClassVar[signal.Signals]
    stop_signals: ClassVar[tuple[tuple[signal.Signals, float], ...]]

    def __init__(
        self, data_dir: Path, *, log_file: Path | None = None, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self.data_dir = Path(data_dir).resolve()
        self.log_file = log_file or self.data_dir / f"{self.name}.log"
        self.port = 0
        self._pause = pause
        self._child: subprocess.Popen[bytes] | None = None
        self._adopted: int | None = None

    @property
    @abstractmethod
    def url(self) -> str: ...

    @abstractmethod
    def running_pid(self) -> int | None:
        """The pid of a server that is at work on this data folder, whoever started it; learns its port."""

    @abstractmethod
    def _prepare(self) -> None: ...

    @abstractmethod
    def _command(self) -> list[str]: ...

    @abstractmethod
    def _answers(self, pid: int) -> bool: ...

    def _before(self) -> tuple[str, ...]:
        return ()

    @property
    def pid(self) -> int | None:
        if self._child is not None:
            return self._child.pid if self._child.poll() is None else None
        if self._adopted is not None and is_running(self._adopted):
            return self._adopted
        return None

    def alive(self) -> bool:
        return self.pid is not None

    def start(self) -> None:
        if self.alive():
            return
        make_private_folder(self.data_dir)
        keeps_port = self.port != 0
        if self._adopt():
            return
        self._prepare()
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            self.port = self.port if keeps_port else free_port()
            began = size_of(self.log_file)
            if self._run_until_ready():
                return
            log = last_lines(self.log_file, since=began)
            # Another process can take the port between the moment it was found free and its use.
            if keeps_port or _PORT_TAKEN not in log or attempt == _PORT_ATTEMPTS:
                raise ServerError(f"{self.title} did not start. The end of {self.log_file}:", log)

    def stop(self, hurry: Callable[[], bool] = never) -> None:
        """Also ends a server that this object did not start, when it is at work on the data folder."""
        pid = self.pid or self.running_pid()
        if pid is None:
            return
        for number, seconds in self.stop_signals:
            send(pid, number)
            if wait_until(lambda: self._ended(pid), seconds, hurry):
                self._child = self._adopted = None
                return
        raise ServerError(f"{self.title} (pid {pid}) does not end. End it with: kill -9 {pid}")

    def how_it_ended(self) -> str:
        return describe_exit(self._child.poll() if self._child is not None else None)

    def _ended(self, pid: int) -> bool:
        if self._child is not None and self._child.pid == pid:
            return self._child.poll() is not None
        return not is_running(pid)

    def _adopt(self) -> bool:
        end = time.monotonic() + _START_SECONDS
        while (pid := self.running_pid()) is not None:
            if self._answers(pid):
                self._child, self._adopted = None, pid
                return True
            if time.monotonic() >= end:
                raise ServerError(
                    f"{self.title} (pid {pid}) runs on {self.data_dir} and does not answer. End it."
                )
            self._pause(0.05)  # it is starting, or still ending
        return False

    def _run_until_ready(self) -> bool:
        log = open_log(self.log_file)
        try:
            self._child = subprocess.Popen(
                leashed(self._command(), self.parting_signal, before=self._before()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.data_dir,
                env=server_environment(),
                start_new_session=True,  # so that Ctrl-C reaches only the launcher
            )
        finally:
            os.close(log)
        try:
            return self._wait_until_ready(self._child)
        except BaseException:
            self.stop()
            raise

    def _wait_until_ready(self, child: subprocess.Popen[bytes]) -> bool:
        end = time.monotonic() + _START_SECONDS
        while child.poll() is None:
            if self._answers(child.pid):
                return True
            if time.monotonic() >= end:
                log = last_lines(self.log_file)
                raise ServerError(f"{self.title} was not ready after {_START_SECONDS:.0f} s.", log)
            self._pause(0.02)
        return False


def server_environment() -> dict[str, str]:
    """Nothing of ours: no settings with secrets in them, no PG* variable that would change what is run."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    return {**kept, "LC_ALL": "C"}
