"""The epoch in the store of credentials: raised, it shuts out whoever wrote before."""

import structlog
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError

from control_plane.db.engine import SYSTEM_ROLE
from control_plane.db.tenancy import SystemRepository
from control_plane.sessions.models import Session, SessionOwner

log = structlog.get_logger(__name__)

# Placing is a matter of milliseconds; one at a time, or a hundred at once would all see the same room.
_PLACING = 0x5750_0001
_RAISE = """
    INSERT INTO whatsapp_store.fences (session_id, epoch) VALUES (:session, :epoch)
    ON CONFLICT (session_id) DO UPDATE SET epoch = excluded.epoch, raised_at = clock_timestamp()
"""
_END_WRITERS = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE application_name = :writer AND pid <> pg_backend_pid()
"""


class Fences(SystemRepository):
    async def begin_placing(self) -> None:
        await self.session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _PLACING})

    async def note_owner(self, session: Session, worker_id: str, incarnation: int) -> None:
        await self.session.execute(
            insert(SessionOwner).values(
                session_id=session.id,
                epoch=session.epoch,
                user_id=session.user_id,
                worker_id=worker_id,
                incarnation=incarnation,
            )
        )

    async def raise_for(self, session: Session, before: int) -> None:
        """A client that is frozen inside a transaction holds the fence's row: its connection is ended."""
        values = {"session": str(session.id), "epoch": session.epoch}
        try:
            await self._raise(values, patience="500ms")
        except DBAPIError:
            writer = f"{session.id}:{before}"
            ended = await self._end_writers(writer)
            log.warning("frozen_writer_ended", session_id=str(session.id), epoch=before, ended=ended)
            await self._raise(values, patience="10s")

    async def _end_writers(self, writer: str) -> int:
        """As who logged in, for engines log in so too; elsewhere a time-out ends them a little later."""
        try:
            async with self.session.begin_nested():
                await self.session.execute(text("SET LOCAL ROLE NONE"))
                ended = await self.session.scalar(text(_END_WRITERS), {"writer": writer})
                await self.session.execute(text(f"SET LOCAL ROLE {SYSTEM_ROLE}"))
        except DBAPIError as error:
            log.warning("frozen_writer_not_ended", error=type(error.orig).__name__)
            return 0
        return int(ended or 0)

    async def _raise(self, values: dict[str, object], patience: str) -> None:
        async with self.session.begin_nested():
            await self.session.execute(
                text("SELECT set_config('lock_timeout', :patience, true)"), {"patience": patience}
            )
            await self.session.execute(text(_RAISE), values)
            await self.session.execute(text("SELECT set_config('lock_timeout', '0', true)"))
