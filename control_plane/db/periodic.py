"""Work that comes round: each due job runs once in the whole fleet, however many replicas there are."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.db.base import Base
from control_plane.db.claim_loop import ClaimLoop, ClaimLostError
from control_plane.db.claims import Claim, Claims, HasClaim
from control_plane.db.engine import Database, SystemSite

log = structlog.get_logger(__name__)


class PeriodicJob(HasClaim, Base):
    __tablename__ = "periodic_jobs"

    name: Mapped[str] = mapped_column(unique=True)
    last_started_at: Mapped[datetime | None]
    last_finished_at: Mapped[datetime | None]
    last_duration_seconds: Mapped[float | None]
    last_outcome: Mapped[str | None]
    runs: Mapped[int] = mapped_column(server_default="0", default=0)
    failures: Mapped[int] = mapped_column(server_default="0", default=0)


@dataclass(frozen=True, slots=True)
class Job:
    """`run` answers how many things it dealt with. It may run twice after a crash, never twice at once."""

    name: str
    every: timedelta
    run: Callable[[], Awaitable[int]]


class PeriodicWork:
    def __init__(
        self,
        database: Database,
        jobs: list[Job],
        *,
        lease: timedelta = timedelta(seconds=30),
        idle_seconds: float = 1.0,
    ) -> None:
        self._database = database
        self._jobs: Mapping[str, Job] = {job.name: job for job in jobs}
        # A replica of another release may know other jobs: each takes only those that it knows.
        known = PeriodicJob.name.in_(list(self._jobs))
        self._claims = Claims(PeriodicJob, lease=lease, only=[known])
        self.loop = ClaimLoop(
            "periodic",
            self._claims,
            self._run,
            database,
            SystemSite.PERIODIC_WORK,
            concurrency=4,
            idle_seconds=idle_seconds,
        )

    async def register(self) -> None:
        async with self._database.system(SystemSite.PERIODIC_WORK) as session:
            for name in self._jobs:
                await session.execute(
                    insert(PeriodicJob).values(name=name).on_conflict_do_nothing(index_elements=["name"])
                )

    async def _run(self, claim: Claim) -> None:
        job = self._jobs[claim.row["name"]]
        started, clock = datetime.now().astimezone(), time.monotonic()
        outcome, failed = "ok", False
        try:
            done = await job.run()
            log.info("periodic_work_done", job=job.name, done=done)
        except Exception as error:
            outcome, failed = f"failed: {type(error).__name__}", True
            log.exception("periodic_work_failed", job=job.name)
        async with self._database.system(SystemSite.PERIODIC_WORK) as session:
            finished = await self._claims.finish(
                session,
                claim,
                due_at=func.clock_timestamp() + job.every,
                attempts=0,
                last_started_at=started,
                last_finished_at=func.clock_timestamp(),
                last_duration_seconds=time.monotonic() - clock,
                last_outcome=outcome,
                runs=PeriodicJob.runs + 1,
                failures=PeriodicJob.failures + int(failed),
            )
        if not finished:
            raise ClaimLostError


async def last_runs(database: Database) -> list[PeriodicJob]:
    """What the metrics tell about each job, whichever replica ran it."""
    async with database.system(SystemSite.HEALTH) as session:
        return list(await session.scalars(select(PeriodicJob).order_by(PeriodicJob.name)))
