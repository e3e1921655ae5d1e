"""The worker's side of the measurement as a process of its own, which loads no more than a worker does."""

import asyncio
import logging
import sys
from pathlib import Path

import msgspec

# A whole worker is in memory, not the fleet alone.
import worker.node  # noqa: F401
from shared.redaction import Secret
from tests.bench import engine_load, engine_memory, engine_times
from tests.bench.emulator import Emulator
from tests.bench.engine_crew import running
from tests.bench.engine_sessions import Linked, link
from tests.bench.process_figures import postmaster
from tests.bench.tables import Figures
from worker.whatsapp.stores import PostgresStore, SqliteStore


class Job(msgspec.Struct, frozen=True):
    folder: str
    store_url: str
    rounds: int
    seconds: float
    # How many sessions send at once, on PostgreSQL and on SQLite.
    senders: tuple[int, ...]
    sqlite_senders: tuple[int, ...]
    idle_steps: tuple[int, ...]
    resumed: int
    tries: int


class Result(msgspec.Struct, frozen=True):
    load: dict[str, list[Figures]]
    memory: dict[str, Figures]
    times: dict[str, Figures]


class Measurement:
    def __init__(self, job: Job) -> None:
        self._job = job
        self._folder = Path(job.folder)
        self._postgres = PostgresStore(Secret(job.store_url))
        self._sqlite = SqliteStore(self._folder / "sessions")

    async def run(self) -> Result:
        job = self._job
        async with Emulator(self._folder / "sandbox") as emulator:
            on_postgres = await link(emulator, self._postgres, max(*job.senders, *job.idle_steps), say)
            on_sqlite = await link(emulator, self._sqlite, max(job.sqlite_senders), say)
            memory = await engine_memory.measure(emulator, on_postgres, job.idle_steps, job.store_url, say)
            say("how long people wait")
            times = await engine_times.rows(emulator, self._postgres, on_postgres, job.resumed, job.tries)
            load = await self._load(emulator, on_postgres[: max(job.senders)], on_sqlite)
            return Result(load, memory, times)

    async def _load(
        self, emulator: Emulator, on_postgres: list[Linked], on_sqlite: list[Linked]
    ) -> dict[str, list[Figures]]:
        job, parent = self._job, await postmaster(self._job.store_url)
        found: dict[str, list[Figures]] = {}
        async with running(emulator) as first, running(emulator) as second:
            await first.start([each.spec for each in on_postgres])
            await second.start([each.spec for each in on_sqlite])
            await engine_load.get_acquainted(first, on_postgres)
            await engine_load.get_acquainted(second, on_sqlite)
            kinds = [
                (f"{name}, {_sessions(count)}{receipts}", crew, linked[:count], bool(receipts))
                for name, crew, linked, counts in (
                    ("PostgreSQL", first, on_postgres, job.senders),
                    ("SQLite", second, on_sqlite, job.sqlite_senders),
                )
                for count in counts
                for receipts in (("", ", receipts") if count == 10 else ("",))
            ]
            for number in range(1, job.rounds + 1):
                say(f"load: round {number} of {job.rounds}")
                for name, crew, linked, receipts in kinds:
                    await emulator.ask("seal", sealed=True, acknowledges=receipts)
                    await engine_load.measure(crew, linked, 0.3, None)
                    figures = await engine_load.measure(crew, linked, job.seconds, parent)
                    found.setdefault(name, []).append(figures)
        return found


def _sessions(count: int) -> str:
    return "1 session" if count == 1 else f"{count} sessions"


def say(line: str) -> None:
    with Path(sys.argv[1]).with_suffix(".progress").open("a") as progress:
        progress.write(line + "\n")


def main(arguments: list[str]) -> None:
    job_file, result_file = map(Path, arguments[1:])
    logging.basicConfig(level=logging.WARNING)
    job = msgspec.json.decode(job_file.read_bytes(), type=Job)
    result_file.write_bytes(msgspec.json.encode(asyncio.run(Measurement(job).run())))


if __name__ == "__main__":
    main(sys.argv)
