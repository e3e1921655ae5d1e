"""The processes of a fleet under measurement: every worker can be killed, frozen and started again."""

import os
import secrets
import signal
import time
from typing import Final

import httpx

from deploy.local.child import Child
from deploy.local.errors import LaunchError
from deploy.local.ports import HOST, free_port
from deploy.local.processes import end_group
from deploy.local.sandbox import LocalSandbox
from deploy.local.surroundings import worker_environment
from tests.bench.process_figures import family_seconds
from tests.bench.stand import Stand, wait_until_ready
from tests.waiting import until

PATIENCE: Final = 120.0
# A spare engine for each network, as any worker has that did not start in this moment.
_SPARES = 2


class Worker:
    def __init__(self, child: Child, url: str) -> None:
        self.name = child.name
        self._child = child
        self._url = url

    @property
    def pid(self) -> int:
        if (pid := self._child.pid) is None:
            raise LaunchError(f"{self.name} {self._child.how_it_ended()}:", self._child.last_words())
        return pid

    def begin(self) -> None:
        self._child.start()

    async def start(self) -> None:
        """Until it is registered and has engines that wait for sessions."""
        self.begin()
        await self.stands_by()

    async def stands_by(self, *, idle: bool = False) -> None:
        """`idle`: and none of its engines is at work any more."""
        async with httpx.AsyncClient(base_url=self._url, trust_env=False, timeout=5) as client:

            async def all_there() -> bool:
                if not self._child.alive():
                    raise LaunchError(f"{self.name} {self._child.how_it_ended()}:", self._child.last_words())
                try:
                    if (await client.get("/health/ready")).status_code != 200:
                        return False
                    figures = (await client.get("/metrics")).text
                    rests = not idle or _sum(figures, "waypost_worker_sessions") == 0
                    return rests and _sum(figures, "waypost_worker_engines") >= _SPARES
                except httpx.HTTPError:
                    return False

            await until(all_there, within=PATIENCE)

    def kill(self) -> None:
        """It alone, and hard: what it has started must notice by itself."""
        os.kill(self.pid, signal.SIGKILL)

    def terminate(self) -> None:
        os.kill(self.pid, signal.SIGTERM)

    def freeze(self) -> None:
        """With its engines, as a machine stands still."""
        os.killpg(self.pid, signal.SIGSTOP)

    async def ended(self) -> float:
        """The moment of it."""

        async def is_gone() -> bool:
            return not self._child.alive()

        await until(is_gone, within=PATIENCE)
        return time.time()

    def end(self) -> None:
        """With its engines, frozen or not; there is nobody left to hand sessions over to."""
        if (pid := self._child.pid) is not None:
            end_group(pid)
            self._child.wait(PATIENCE)


class FleetServers:
    """The emulated network, the API and the background; workers are added when they are wanted."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._folder = stand.folder / "fleet"
        self._folder.mkdir()
        self._join_token = secrets.token_urlsafe(24)
        self._store_url = stand.store_url
        network = LocalSandbox(self._folder / "sandbox")
        emulator = stand.child("sandbox", ("worker.sandbox", *network.arguments), stand.inherited())
        port = free_port()
        environment = self._control_plane(port, network.known)
        api = stand.child("fleet-api", ("control_plane", "api"), environment)
        background = stand.child("fleet-background", ("control_plane", "background"), environment)
        stand.say("starting the fleet")
        for child in (emulator, api, background):
            child.start()
        self._parts = {"api": api, "background": background, "emulator": emulator}
        self._workers: list[Worker] = []
        self.port = port
        self.url = f"http://{HOST}:{port}"
        wait_until_ready(api, f"{self.url}/health/ready")
        network.wait_until_ready(emulator, time.sleep)
        self.network = dict(network.known)

    def pid(self, part: str) -> int:
        return self._parts[part].pid or 0

    def worker(self, name: str, program: tuple[str, ...] = ("worker",)) -> Worker:
        port = free_port()
        environment = worker_environment(
            self._stand.inherited() | {"WAYPOST_WORKER_PORT": str(port)},
            self._folder,
            name,
            self.url,
            self._join_token,
            store_url=self._store_url,
            sandbox=self.network,
        )
        worker = Worker(self._stand.child(name, program, environment), f"http://{HOST}:{port}")
        self._stand.at_end(worker.end)
        self._workers.append(worker)
        return worker

    def processor_seconds(self) -> dict[str, float]:
        """What each part has used of the machine until now, with the processes that it has started."""
        used = {name: family_seconds(child.pid or 0) for name, child in self._parts.items()}
        return {**used, "workers": sum(family_seconds(worker.pid) for worker in self._workers)}

    def _control_plane(self, port: int, network: dict[str, str]) -> dict[str, str]:
        return {
            **self._stand.environment,
            "WAYPOST_PORT": str(port),
            "WAYPOST_JOIN_TOKENS": self._join_token,
            "WAYPOST_SANDBOX_CONTROL_URL": network["controlUrl"],
            "WAYPOST_SANDBOX_CONTROL_TOKEN": network["controlToken"],
            # What moves here moves because of what is done to the fleet.
            "WAYPOST_REBALANCE_SECONDS": "0",
            "WAYPOST_RECIPIENT_MESSAGES_PER_MINUTE": "1000000",
            "WAYPOST_SESSION_MESSAGES_PER_MINUTE": "1000000",
        }


def _sum(metrics: str, name: str) -> float:
    lines = metrics.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))
