"""Work that comes round: codes that are over, and sessions that nobody has used for a long time."""

from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.db.engine import Database, SystemSite
from control_plane.fleet.repository import FleetRepository
from control_plane.keyring import Keyring
from control_plane.sessions.models import Session, Wanted
from control_plane.sessions.repository import SupervisedSessions
from control_plane.sessions.service import Sessions
from control_plane.sessions.transitions import tell, transition
from shared.ids import UserId, public_id
from shared.session_state import Reason, SessionState

log = structlog.get_logger(__name__)

# The client ends an unscanned pairing by itself; this is for one whose client is no longer heard.
_NO_CODE_FOR = timedelta(seconds=90)
_NOTICE = timedelta(days=7)
_AT_ONCE = 200


class Upkeep:
    def __init__(self, database: Database, keyring: Keyring, unused_days: int) -> None:
        self._database = database
        self._keyring = keyring
        self._unused = timedelta(days=unused_days)
        self._notice = min(_NOTICE, self._unused)

    async def expired_codes(self) -> int:
        """How many sessions were still waiting for a scan of a code that is over."""
        async with self._database.system(SystemSite.PERIODIC_WORK) as db:
            sessions = SupervisedSessions(db)
            await sessions.drop_expired_pairings()
            ended = 0
            for session in await sessions.without_code(_NO_CODE_FOR, _AT_ONCE):
                session.wanted = Wanted.STOP
                ended += await transition(db, session, SessionState.DISCONNECTED, Reason.QR_EXPIRED)
                await self._nudge(db, session)
            return ended

    async def unused_sessions(self) -> int:
        """Their owners are told a week before. How many were deleted."""
        async with self._database.system(SystemSite.PERIODIC_WORK) as db:
            sessions = SupervisedSessions(db)
            for session in await sessions.unused(self._unused - self._notice, _AT_ONCE):
                session.expiry_told_at = datetime.now(UTC)
                deleted_at = session.expiry_told_at + self._notice
                await tell(db, session, "session.expiring", {"deletedAt": deleted_at.isoformat()})
            over = await sessions.unused(self._unused, _AT_ONCE, told_before=self._notice)
        return sum([await self._delete(session) for session in over])

    async def _delete(self, seen: Session) -> bool:
        """As its owner would, who may have come to it in the meantime."""
        async with self._database.tenant(UserId(seen.user_id)) as db:
            sessions = Sessions(db, self._keyring)
            await sessions.repository.alone()
            session = await sessions.repository.by_reference(public_id("ses", seen.id), lock=True)
            if session is None or session.wanted == Wanted.RUN or session.status_at != seen.status_at:
                return False
            log.info("unused_session_deleted", session_id=str(session.id))
            await sessions.remove(session)
            return True

    async def _nudge(self, db: AsyncSession, session: Session) -> None:
        if session.worker_id is not None:
            await db.flush()
            await FleetRepository(db).nudge(session.worker_id)
