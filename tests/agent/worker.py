"""A whole worker under test as a process, and what it needs to find the emulated network."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from shared.contracts.fleet import StartOrder
from shared.ids import new_uuid
from tests import run_folder
from tests.agent.stand_in import JOIN_TOKEN, StandInControlPlane
from tests.surroundings import without_settings
from worker.sandbox.sandbox import Sandbox


class WorkerProcess:
    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text()

    async def ended(self, within: float = 25) -> int:
        return await asyncio.wait_for(self.process.wait(), within)

    def tell(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


@asynccontextmanager
async def running_worker(
    sandbox: Sandbox, stand_in: StandInControlPlane, folder: Path, **changes: str
) -> AsyncIterator[WorkerProcess]:
    """Killed at the end, if it has not ended by then; its log is searched for secrets with all others."""
    log = run_folder.logs() / f"worker-{new_uuid()}.log"
    given = {
        "WAYPOST_CONTROL_PLANE_URL": stand_in.url,
        "WAYPOST_JOIN_TOKEN": JOIN_TOKEN,
        "WAYPOST_WORKER_ID": "worker-one",
        "WAYPOST_DATA_DIR": str(folder),
        "WAYPOST_ENGINE_SPARES": "0",
        "WAYPOST_SANDBOX_PROXY": sandbox.proxy,
        "WAYPOST_SANDBOX_CA": str(sandbox.certificate),
        "WAYPOST_SANDBOX_ROOT_KEY": sandbox.root_key.public.hex(),
    }
    with log.open("w") as stream:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "worker"),
            env=without_settings() | given | changes,
            stdout=stream,
            stderr=stream,
        )
    try:
        yield WorkerProcess(process, log)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def start_order(device_jid: str | None = None, epoch: int = 1, **details: str) -> StartOrder:
    return StartOrder(
        session_id=details.pop("session_id", "") or str(new_uuid()),
        epoch=epoch,
        sandbox=True,
        device_jid=device_jid,
        device_name="Waypost test",
        **details,
    )
