"""What administrators ask of the sessions of the whole fleet."""

import uuid
from typing import Any

from sqlalchemy import func, select

from control_plane.db.tenancy import SystemRepository
from control_plane.sessions.models import Session


class FleetNumbers(SystemRepository):
    async def sessions_by_state(self) -> dict[str, int]:
        query = select(Session.status, func.count()).group_by(Session.status).order_by(Session.status)
        rows: Any = (await self.session.execute(query)).all()
        return {str(status): int(count) for status, count in rows}

    async def any_session(self, session_id: uuid.UUID) -> Session | None:
        return (await self.session.scalars(select(Session).where(Session.id == session_id))).first()
