"""The WhatsApp engine: messages a second, memory, and how long people wait. Everything runs for real."""

import secrets
import time
from pathlib import Path

import msgspec

from deploy.local.child import Child
from deploy.local.errors import LaunchError
from tests.bench.engine_agent import Job, Result
from tests.bench.plan import QUICK, Plan
from tests.bench.stand import Stand
from tests.bench.tables import Column, Figures, Table, row

_PATIENCE = 1800.0
_LOOK_EVERY = 0.1
_SHARES = ("engines", "agent", "emulator", "postgres")
_LOAD = (
    Column("per_second", "messages/s", 0),
    Column("p50_ms", "p50 ms", 1),
    Column("p99_ms", "p99 ms", 1),
    *(Column(name, f"{name} %", 0) for name in _SHARES),
)
_MEMORY = (
    Column("pss", "PSS MiB", 1),
    Column("private", "private MiB", 1),
    Column("rss", "RSS MiB", 1),
    Column("further_kib", "KiB/further", 0),
    Column("connections", "connections", 0),
)
_TIMES = (Column("p50_ms", "p50 ms", 0), Column("worst_ms", "worst ms", 0), Column("tries", "tries", 0))
_LOAD_NOTES = (
    "each session sends to one person, the next message when the last is answered; %: of one core",
    "the sending loop runs in the agent's process; the phones take messages in and do not open them",
    "receipts: each message is answered by two phones with a receipt of delivery, as in life",
)
_MEMORY_NOTES = (
    "PSS: what several processes share counts in part; KiB/further: private memory, by the row before",
    "connections: to the store, right after the last log-in; the server ends them after a minute of idleness",
    "the sessions were paired four at once in one engine process by the library itself, then stopped",
)
_TIMES_NOTES = (
    "from the command, or from kill -9 of the engine, to what the agent is told; PostgreSQL store",
)


def run(stand: Stand, plan: Plan) -> list[Table]:
    result = _measure(stand, _job(stand, plan))
    load = [row(name, rounds) for name, rounds in result.load.items()]
    memory = [row(name, [figures]) for name, figures in _with_further(result.memory).items()]
    times = [row(name, [figures]) for name, figures in result.times.items()]
    return [
        Table("engine", "Sending text", _LOAD, load, _LOAD_NOTES),
        Table("engine", "Memory of idle sessions", _MEMORY, memory, _MEMORY_NOTES),
        Table("engine", "Waiting", _TIMES, times, _TIMES_NOTES),
    ]


def _job(stand: Stand, plan: Plan) -> Job:
    quick = plan == QUICK
    return Job(
        folder=str(stand.folder / "engine"),
        store_url=stand.store_url,
        rounds=plan.rounds,
        seconds=plan.seconds * 2,
        senders=(1, 10) if quick else (1, 10, 50),
        sqlite_senders=(1,) if quick else (1, 10),
        idle_steps=(1, 10) if quick else (1, 10, 50, 200),
        resumed=5 if quick else 20,
        tries=1 if quick else 7,
    )


def _measure(stand: Stand, job: Job) -> Result:
    folder = Path(job.folder)
    folder.mkdir()
    job_file, result_file = folder / "job", folder / "result"
    job_file.write_bytes(msgspec.json.encode(job))
    child = Child(
        f"engine-{secrets.token_hex(4)}",
        title="the measurement of the engine",
        arguments=("tests.bench.engine_agent", str(job_file), str(result_file)),
        environment=stand.inherited(),
        log_file=folder / "log",
        stop_seconds=5.0,
    )
    progress, told, end = folder / "job.progress", 0, time.monotonic() + _PATIENCE
    try:
        child.start()
        while not child.wait(_LOOK_EVERY) and time.monotonic() < end:
            lines = progress.read_text().splitlines() if progress.exists() else []
            for line in lines[told:]:
                stand.say(f"engine: {line}")
            told = len(lines)
    finally:
        child.stop()
    if child.exit_code != 0:
        raise LaunchError(f"{child.title} {child.how_it_ended()}:", child.last_words())
    return msgspec.json.decode(result_file.read_bytes(), type=Result)


def _with_further(memory: dict[str, Figures]) -> dict[str, Figures]:
    """What one more session takes, against the row of the same engine before."""
    found: dict[str, Figures] = {}
    before: Figures | None = None
    for name, figures in memory.items():
        further = None
        if before is not None and figures["engines"] == before["engines"] == 1:
            private = (figures["private"] or 0) - (before["private"] or 0)
            further = private * 1024 / ((figures["sessions"] or 0) - (before["sessions"] or 0))
        found[name] = {**figures, "further_kib": further}
        before = figures
    return found
