"""How every replica learns, within a second, that something it may have cached no longer holds.

Triggers write a row and send a notification whenever an account, a login or a key changes in a way that
matters. Each replica listens and, because a notification can be lost, also polls twice a second. While a
replica cannot hear, it says so, and its caches are not believed.
"""

import asyncio
import random
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import structlog
from sqlalchemy import BigInteger, Identity, delete, func, text
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.db.base import Base
from control_plane.db.engine import SYSTEM_ROLE
from control_plane.db.tenancy import SystemRepository
from control_plane.db.transaction_id import TransactionId

log = structlog.get_logger(__name__)

CHANNEL = "waypost_revocations"
_SINCE = "SELECT DISTINCT user_id FROM revocations WHERE xid >= $1::text::xid8"
_HORIZON = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text"


class Revocation(Base):
    __tablename__ = "revocations"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    # Read from the oldest transaction that was running at the last look: a sequence or a time would skip
    # rows of a transaction that commits later than a younger one.
    xid: Mapped[str] = mapped_column(TransactionId, server_default=text("pg_current_xact_id()"), index=True)
    user_id: Mapped[uuid.UUID]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), index=True)


class PurgedRevocations(SystemRepository):
    async def purge(self) -> int:
        """An hour is far longer than any replica may be deaf without dropping its whole cache."""
        old = Revocation.created_at < func.statement_timestamp() - timedelta(hours=1)
        result: Any = await self.session.execute(delete(Revocation).where(old))
        return int(result.rowcount)


class RevocationFeed:
    """Calls `forget(user_id)` for each account that changed, `forget(None)` when it may have missed some."""

    def __init__(
        self,
        dsn: str,
        forget: Callable[[uuid.UUID | None], None],
        *,
        poll_seconds: float = 0.5,
        stale_after: float = 1.0,
    ) -> None:
        self._dsn = dsn
        self._forget = forget
        self._poll_seconds = poll_seconds
        self._stale_after = stale_after
        self._heard_at = float("-inf")
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._first_look = asyncio.Event()

    @property
    def fresh(self) -> bool:
        """Whether caches may be believed: the last look at the table is less than a second old."""
        return time.monotonic() - self._heard_at < self._stale_after

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="revocation-feed")
        with suppress(TimeoutError):  # starting without a database is allowed: nothing is cached then
            await asyncio.wait_for(self._first_look.wait(), 5)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                await self._listen()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                failures = 0 if self.fresh else failures + 1
                if failures <= 1:
                    log.warning("revocation_feed_broken", error=type(error).__name__)
            await asyncio.sleep(random.uniform(0.1, 0.3) * min(2**failures, 8))

    async def _listen(self) -> None:
        connection = await asyncpg.connect(
            self._dsn,
            timeout=5,
            command_timeout=5,
            server_settings={"role": SYSTEM_ROLE, "application_name": "waypost-revocations"},
        )
        try:
            await connection.add_listener(CHANNEL, self._notified)
            horizon = await connection.fetchval(_HORIZON)
            # Whatever was cached before this look may have missed a change.
            self._forget(None)
            self._hear()
            while True:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), self._poll_seconds)
                self._wake.clear()
                # The horizon is taken before the rows are read, in statements of their own: what commits
                # between the two is read now and once more at the next look, which does no harm.
                next_horizon = await connection.fetchval(_HORIZON)
                for row in await connection.fetch(_SINCE, horizon):
                    self._forget(row["user_id"])
                horizon = next_horizon
                self._hear()
        finally:
            with suppress(Exception):
                await asyncio.wait_for(connection.close(), 1)
            connection.terminate()

    def _hear(self) -> None:
        self._heard_at = time.monotonic()
        self._first_look.set()

    def _notified(self, *_: object) -> None:
        self._wake.set()
