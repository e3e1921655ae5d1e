"""One Python process of ours, with its log, its leash and a process group of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from deploy.local.leash import leashed
from deploy.local.private_files import last_lines, open_log, size_of
from deploy.local.processes import describe_exit, end_group, never, send, wait_until

REPOSITORY = Path(__file__).resolve().parents[2]


class Child:
    def __init__(
        self,
        name: str,
        *,
        title: str,
        arguments: tuple[str, ...],
        environment: Mapping[str, str],
        log_file: Path,
        stop_seconds: float,
    ) -> None:
        self.name = name
        self.title = title
        self.log_file = log_file
        self._arguments = arguments
        self._environment = dict(environment)
        self._stop_seconds = stop_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._log_began = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self.alive() else None

    @property
    def exit_code(self) -> int | None:
        return self._process.poll() if self._process is not None else None

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        if self._process is not None:
            end_group(self._process.pid)  # what the one that died has left running
        log = open_log(self.log_file)
        self._log_began = size_of(self.log_file)
        try:
            self._process = subprocess.Popen(
                leashed([sys.executable, "-m", *self._arguments], signal.SIGTERM),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=REPOSITORY,
                env=self._environment,
                start_new_session=True,  # so that Ctrl-C reaches only the launcher, and the order stays ours
            )
        finally:
            os.close(log)

    def wait(self, seconds: float) -> bool:
        """Whether it has ended by then."""
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(max(0.0, seconds))
        return not self.alive()

    def stop(self, hurry: Callable[[], bool] = never) -> None:
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            send(process.pid, signal.SIGTERM)
            if not wait_until(lambda: process.poll() is not None, self._stop_seconds, hurry):
                process.kill()
        end_group(process.pid)
        process.wait()

    def how_it_ended(self) -> str:
        return describe_exit(self.exit_code)

    def last_words(self) -> str:
        return last_lines(self.log_file, since=self._log_began)
