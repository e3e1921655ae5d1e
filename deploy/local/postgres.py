"""PostgreSQL out of a wheel, for `make run` and for the tests; production brings its own."""

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from deploy.local.embedded_server import EmbeddedServer, server_environment
from deploy.local.ports import HOST
from deploy.local.postgres_cluster import (
    PASSWORD_FILE,
    create_cluster,
    forget_stale_postmaster,
    postgres_binaries,
    read_postmaster,
    remove_unfinished,
)
from deploy.local.postgres_sockets import make_socket_folder, remove_socket_folder
from deploy.local.processes import never, works_in
from deploy.local.unprivileged import Footing, find_footing, give_to

_QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedPostgres(EmbeddedServer):
    name: ClassVar = "postgres"
    title: ClassVar = "PostgreSQL"
    parting_signal: ClassVar = signal.SIGINT
    stop_signals: ClassVar = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))

    def __init__(
        self,
        data_dir: Path,
        *,
        durable: bool = True,
        max_connections: int = 200,
        log_file: Path | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(data_dir, log_file=log_file, pause=pause)
        self._cluster = self.data_dir / "cluster"
        self._durable = durable
        self._max_connections = max_connections
        self._footing: Footing | None = None

    @property
    def url(self) -> str:
        password = (self._cluster / PASSWORD_FILE).read_text().strip()
        return f"postgresql://waypost:{password}@{HOST}:{self.port}/waypost"

    def running_pid(self) -> int | None:
        postmaster = read_postmaster(self._cluster)
        if postmaster is None or not works_in(postmaster.pid, "postgres", self._cluster):
            return None
        self.port = postmaster.port or self.port
        return postmaster.pid

    def stop(self, hurry: Callable[[], bool] = never) -> None:
        super().stop(hurry)
        remove_socket_folder(self.data_dir)

    def _before(self) -> tuple[str, ...]:
        return self._footing.before if self._footing else ()

    def _prepare(self) -> None:
        remove_unfinished(self.data_dir)
        binaries = postgres_binaries(self._cluster)
        self._footing = self._footing or find_footing(self.data_dir, binaries / "postgres")
        if not self._cluster.exists():
            create_cluster(self._cluster, binaries, self._before(), durable=self._durable)
        give_to(self._footing.owner, self._cluster)
        forget_stale_postmaster(self._cluster)

    def _command(self) -> list[str]:
        sockets = make_socket_folder(self.data_dir, self._cluster.stat().st_uid)
        quoted = '"' + str(sockets).replace('"', '""') + '"'
        settings = {
            "listen_addresses": HOST,
            "port": str(self.port),
            "unix_socket_directories": quoted,
            "max_connections": str(self._max_connections),
            "timezone": "UTC",
            "log_timezone": "UTC",
            **({} if self._durable else _QUICK),
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(postgres_binaries(self._cluster) / "postgres"), "-D", str(self._cluster), *options]

    def _answers(self, pid: int) -> bool:
        postmaster = read_postmaster(self._cluster)
        if postmaster is None or postmaster.pid != pid or postmaster.status != "ready":
            return False
        ready = postgres_binaries(self._cluster) / "pg_isready"
        command = [str(ready), "-q", "-t", "3", "-h", HOST, "-p", str(postmaster.port), "-d", "waypost"]
        asked = subprocess.run(command, check=False, env=server_environment(), stdin=subprocess.DEVNULL)
        return asked.returncode == 0
