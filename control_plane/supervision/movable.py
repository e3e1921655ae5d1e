"""Sessions that may be moved by our own choice: they run, and nothing is under way with them."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, or_, select

from control_plane.db.tenancy import SystemRepository
from control_plane.fleet.models import Worker
from control_plane.fleet.placement import labels_met
from control_plane.sessions.models import Session, Wanted
from shared.contracts.fleet import StoreKind
from shared.session_state import SessionState

# Further down the list nobody is idle any more.
_LOOKED_AT = 200


class MovableSessions(SystemRepository):
    async def on_their_way(self) -> bool:
        """Somebody is moving or has lost a worker: the fleet is not at rest."""
        moving = or_(Session.moving_to.is_not(None), Session.status == SessionState.RECOVERING)
        query = select(Session.id).where(Session.wanted == Wanted.RUN, moving).limit(1)
        return (await self.session.scalars(query)).first() is not None

    async def idlest(self, source: Worker, target: Worker) -> Session | None:
        """That could run there, and would not lose a label by it that it wants. Locked."""
        conditions = [*_movable(source.id), Session.store == target.store]
        if not target.sandbox:
            conditions.append(~Session.sandbox)
        query = select(Session).where(*conditions).order_by(*_IDLE_FIRST).limit(_LOOKED_AT)
        for seen in (await self.session.scalars(query)).all():
            wanted = seen.worker_labels
            if labels_met(wanted, target.labels) < labels_met(wanted, source.labels):
                continue
            mine = select(Session).where(Session.id == seen.id, *conditions).with_for_update(skip_locked=True)
            found = (await self.session.scalars(mine.execution_options(populate_existing=True))).first()
            if found is not None:
                return found
        return None

    async def of_worker(self, source: str) -> Sequence[Session]:
        """The idlest first; not locked."""
        return (
            await self.session.scalars(select(Session).where(*_movable(source)).order_by(*_IDLE_FIRST))
        ).all()


_IDLE_FIRST = (Session.last_activity_at.asc().nulls_first(), Session.id)


def _movable(source: str) -> list[ColumnElement[bool]]:
    """Pairings are left alone, and so is what only this worker has the credentials of."""
    return [
        Session.worker_id == source,
        Session.wanted == Wanted.RUN,
        Session.status == SessionState.CONNECTED,
        Session.moving_to.is_(None),
        Session.start_after.is_(None),
        Session.device_jid.is_not(None),
        Session.store != StoreKind.SQLITE,
    ]
