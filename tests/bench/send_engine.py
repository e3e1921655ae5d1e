"""This side of the process that has the engine by itself."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from deploy.local.errors import LaunchError
from deploy.local.private_files import last_lines
from tests.bench.fleet_servers import FleetServers
from tests.bench.idleness import Idleness
from tests.bench.plan import Plan
from tests.bench.stand import Stand
from tests.bench.tables import Figures

_PATIENCE = 400.0
_PARTS = ("agent", "engines", "emulator", "postgres")
_NOT_THERE = dict.fromkeys(
    ("of_engine", "api", "background", "valkey", "load", "transactions", "wal_kib", "redis"), None
)


class LoneEngine:
    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log

    async def load(self, sessions: int, plan: Plan) -> Figures:
        """Each of them sends its next text when the last one is answered."""
        asked = {"sessions": sessions, "warm_up": plan.warm_up_seconds, "seconds": plan.seconds * 2}
        idleness = Idleness()
        figures: dict[str, float] = await self.ask(asked)
        # Of one core, in hundredths, as `bench engine` shows it.
        shares = {name: figures[name] for name in _PARTS}
        milliseconds = {name: share * 10 / figures["per_second"] for name, share in shares.items()}
        used = {"all": sum(milliseconds.values()), "cores": sum(shares.values()) / 100}
        return {**_NOT_THERE, **figures, **milliseconds, **used, "idle": idleness.per_cent()}

    async def at_pace(self, sessions: int, per_second: float, seconds: float) -> list[float]:
        """Seconds of each text."""
        found: list[float] = await self.ask({"sessions": sessions, "pace": per_second, "seconds": seconds})
        return found

    async def ask(self, question: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        async with asyncio.timeout(_PATIENCE):
            line = await self._process.stdout.readline()
        if not line:
            raise LaunchError("The measurement of the engine by itself has ended:", last_lines(self._log))
        return json.loads(line)


@asynccontextmanager
async def lone_engine(stand: Stand, servers: FleetServers, sessions: int) -> AsyncIterator[LoneEngine]:
    """With sessions of its own, on the network and in the database of the fleet."""
    log = stand.folder / "send-engine.log"
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.bench.send_engine_agent"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=stand.inherited(),
            limit=2**24,
        )
    assert process.stdin is not None
    engine = LoneEngine(process, log)
    try:
        place = {"network": servers.network, "pid": servers.pid("emulator")}
        await engine.ask({**place, "store": stand.postgres_url, "sessions": sessions})
        yield engine
    finally:
        process.stdin.close()
        await process.wait()
