"""What administrators ask of the sessions of the whole fleet."""

import uuid
from typing import Any

from sqlalchemy import and_, func, select

from control_plane.db.tenancy import SystemRepository
from control_plane.fleet.models import Worker
from control_plane.sessions.models import Session, SessionProbe
from shared.session_state import SessionState


class FleetNumbers(SystemRepository):
    async def sessions_by_state(self) -> dict[str, int]:
        query = select(Session.status, func.count()).group_by(Session.status).order_by(Session.status)
        rows: Any = (await self.session.execute(query)).all()
        return {str(status): int(count) for status, count in rows}

    async def probed(self) -> dict[str, int]:
        """Connected sessions, by what their present owner's last probe found."""
        query = (
            select(SessionProbe.answered, func.count())
            .join(Session, and_(Session.id == SessionProbe.session_id, Session.epoch == SessionProbe.epoch))
            .where(Session.status == SessionState.CONNECTED)
            .group_by(SessionProbe.answered)
        )
        rows: Any = (await self.session.execute(query)).all()
        counts = {bool(answered): int(count) for answered, count in rows}
        return {"answered": counts.get(True, 0), "unanswered": counts.get(False, 0)}

    async def spooled(self) -> int:
        """As workers said when they last beat; those that are gone say nothing more."""
        query = select(func.coalesce(func.sum(Worker.spooled), 0)).where(Worker.retired_at.is_(None))
        return int((await self.session.execute(query)).scalar_one())

    async def any_session(self, session_id: uuid.UUID) -> Session | None:
        return (await self.session.scalars(select(Session).where(Session.id == session_id))).first()
