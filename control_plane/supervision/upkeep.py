"""Work that comes round: codes that are over, and sessions that nobody has used for a long time."""

from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.db.engine import Database, SystemSite
from control_plane.fleet.repository import FleetRepository
from control_plane.sessions.models import Session
from control_plane.sessions.repository import SupervisedSessions
from control_plane.sessions.transitions import tell, transition
from control_plane.supervision.orders import STOP
from control_plane.tiers.service import Resource
from shared.session_state import Reason, SessionState

log = structlog.get_logger(__name__)

# The client ends an unscanned pairing by itself; this is for one whose client is no longer heard.
_NO_CODE_FOR = timedelta(seconds=90)
_NOTICE = timedelta(days=7)
_AT_ONCE = 200


class Upkeep:
    def __init__(self, database: Database, unused_days: int) -> None:
        self._database = database
        self._unused = timedelta(days=unused_days)

    async def expired_codes(self) -> int:
        """How many sessions were still waiting for a scan of a code that is over."""
        async with self._database.system(SystemSite.PERIODIC_WORK) as db:
            sessions = SupervisedSessions(db)
            await sessions.drop_expired_pairings()
            ended = 0
            for session in await sessions.without_code(_NO_CODE_FOR, _AT_ONCE):
                session.wanted = STOP
                ended += await transition(db, session, SessionState.DISCONNECTED, Reason.QR_EXPIRED)
                await self._nudge(db, session)
            return ended

    async def unused_sessions(self) -> int:
        """Their owners are told a week before. How many were deleted."""
        async with self._database.system(SystemSite.PERIODIC_WORK) as db:
            sessions = SupervisedSessions(db)
            notice = max(timedelta(0), self._unused - _NOTICE)
            for session in await sessions.unused(notice, _AT_ONCE, told=False):
                session.expiry_told_at = datetime.now(UTC)
                deleted_at = session.expiry_told_at + min(_NOTICE, self._unused)
                await tell(db, session, "session.expiring", {"deletedAt": deleted_at.isoformat()})
            deleted = 0
            for session in await sessions.unused(self._unused, _AT_ONCE, told=True):
                if session.expiry_told_at and session.expiry_told_at > datetime.now(UTC) - min(
                    _NOTICE, self._unused
                ):
                    continue
                log.info("unused_session_deleted", session_id=str(session.id))
                await sessions.remove(session, Resource.SESSIONS)
                deleted += 1
            return deleted

    async def _nudge(self, db: AsyncSession, session: Session) -> None:
        if session.worker_id is not None:
            await db.flush()
            await FleetRepository(db).nudge(session.worker_id)
