"""Rows of the fleet. Whoever locks workers' rows and sessions' rows holds the lock of placing before both."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, and_, cast, delete, func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from control_plane.db.tenancy import SystemRepository
from control_plane.fleet.models import ApiReplica, FleetEvent, JoinToken, Repair, SpoolMark, Worker

NUDGES = "waypost_nudges"


class FleetRepository(SystemRepository):
    async def now(self) -> datetime:
        """The one clock of all leases."""
        moment: datetime = (await self.session.execute(select(func.clock_timestamp()))).scalar_one()
        return moment

    async def worker(self, worker_id: str, *, lock: bool = False) -> Worker | None:
        query = select(Worker).where(Worker.id == worker_id)
        if lock:
            # Its key never changes. A transaction that updates a session twice has its worker's key checked,
            # and would wait here while we wait for that session.
            query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
        return (await self.session.execute(query)).scalar_one_or_none()

    async def workers(self) -> Sequence[Worker]:
        return (await self.session.scalars(select(Worker).order_by(Worker.id))).all()

    async def at_endpoint(self, endpoint: str, except_for: str) -> Worker | None:
        query = select(Worker).where(
            Worker.endpoint == endpoint,
            Worker.id != except_for,
            Worker.retired_at.is_(None),
            Worker.lease_until > func.clock_timestamp(),
        )
        return (await self.session.scalars(query.limit(1))).first()

    async def join_token(self, digests: Sequence[bytes]) -> JoinToken | None:
        query = select(JoinToken).where(JoinToken.digest.in_(digests), JoinToken.revoked_at.is_(None))
        return (await self.session.scalars(query)).first()

    async def join_tokens(self, after: tuple[datetime, uuid.UUID] | None, limit: int) -> Sequence[JoinToken]:
        query = select(JoinToken).order_by(JoinToken.created_at.desc(), JoinToken.id.desc()).limit(limit)
        if after is not None:
            query = query.where(tuple_(JoinToken.created_at, JoinToken.id) < after)
        return (await self.session.scalars(query)).all()

    async def revoke_join_token(self, token_id: uuid.UUID) -> bool:
        change = update(JoinToken).where(JoinToken.id == token_id, JoinToken.revoked_at.is_(None))
        change = change.values(revoked_at=func.clock_timestamp()).returning(JoinToken.id)
        return await self.session.scalar(change) is not None

    async def last_incarnation(self, worker_id: str) -> int:
        """Of workers that were deleted as well: a number that comes again would revive an old token."""
        number = func.max(cast(FleetEvent.details["incarnation"].astext, BigInteger))
        return await self.session.scalar(select(number).where(FleetEvent.worker_id == worker_id)) or 0

    async def remove(self, worker_id: str) -> None:
        await self.session.execute(delete(Worker).where(Worker.id == worker_id))

    async def silent(self) -> Sequence[str]:
        """Whose lease is over, and whom nobody has swept yet."""
        query = select(Worker.id).where(
            Worker.retired_at.is_(None), Worker.lease_until <= func.clock_timestamp()
        )
        return (await self.session.scalars(query)).all()

    def note(self, worker_id: str, kind: str, **details: Any) -> None:
        self.session.add(FleetEvent(worker_id=worker_id, kind=kind, details=details))

    async def events(
        self, worker_id: str, after: tuple[datetime, uuid.UUID] | None, limit: int
    ) -> Sequence[FleetEvent]:
        query = select(FleetEvent).where(FleetEvent.worker_id == worker_id)
        if after is not None:
            query = query.where(tuple_(FleetEvent.created_at, FleetEvent.id) < after)
        newest_first = query.order_by(FleetEvent.created_at.desc(), FleetEvent.id.desc()).limit(limit)
        return (await self.session.scalars(newest_first)).all()

    async def repairs(self) -> Sequence[Repair]:
        return (await self.session.scalars(select(Repair).order_by(Repair.kind))).all()

    async def count_repair(self, kind: str, by: int = 1) -> None:
        new = insert(Repair).values(kind=kind, count=by)
        await self.session.execute(
            new.on_conflict_do_update(
                index_elements=["kind"],
                set_={"count": Repair.count + by, "last_at": func.clock_timestamp()},
            )
        )

    async def spool_mark(self, spool: str, worker_id: str) -> SpoolMark:
        """Locked: batches of one spool are taken in one after the other."""
        query = select(SpoolMark).where(SpoolMark.id == spool).with_for_update()
        known = (await self.session.scalars(query)).first()
        if known is not None:
            return known
        new = insert(SpoolMark).values(id=spool, worker_id=worker_id)
        await self.session.execute(new.on_conflict_do_nothing())
        return (await self.session.scalars(query)).one()

    async def beat_of_replica(self, replica_id: uuid.UUID) -> None:
        new = insert(ApiReplica).values(id=replica_id)
        await self.session.execute(
            new.on_conflict_do_update(index_elements=["id"], set_={"beat_at": func.clock_timestamp()})
        )

    async def end_of_replica(self, replica_id: uuid.UUID) -> None:
        await self.session.execute(delete(ApiReplica).where(ApiReplica.id == replica_id))

    async def counts(self) -> dict[str, int]:
        """How many are live, are draining and are gone."""
        live = and_(
            Worker.retired_at.is_(None), func.coalesce(Worker.lease_until > func.clock_timestamp(), False)
        )
        columns = {
            "live": and_(live, ~Worker.draining),
            "draining": and_(live, Worker.draining),
            "offline": ~live,
        }
        query = select(*(func.count().filter(holds).label(name) for name, holds in columns.items()))
        return dict((await self.session.execute(query)).mappings().one())

    async def nudge(self, worker_id: str) -> None:
        """Delivered when this transaction commits, to whichever replica holds the worker's stream."""
        await self.session.execute(
            text("SELECT pg_notify(:channel, :worker)"), {"channel": NUDGES, "worker": worker_id}
        )
