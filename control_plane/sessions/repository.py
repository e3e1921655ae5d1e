"""Sessions of one tenant, and the same rows as the fleet sees them."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert

from control_plane.db.tenancy import SystemRepository, TenantRepository
from control_plane.fleet.models import Worker
from control_plane.sessions.models import Pairing, Session, SessionChange, SessionOwner, Wanted
from control_plane.tiers.models import QuotaUsage
from shared.ids import normalise_name, parse_public_id
from shared.session_state import SessionState

_UNUSED = (SessionState.DISCONNECTED, SessionState.AUTH_FAILED, SessionState.LOGGED_OUT)


class SessionRepository(TenantRepository):
    async def by_reference(
        self, reference: str, *, lock: bool = False, share: bool = False
    ) -> Session | None:
        """By id, or by name within the account."""
        query = self.select(Session).where(_referred(reference))
        if lock or share:
            # To share only keeps it from being deleted: whoever changes its state does not wait for that.
            query = query.with_for_update(read=share, key_share=share)
        return (await self.session.scalars(query)).first()

    async def alone(self) -> None:
        """Names and who is primary concern all sessions of an account: such changes come one by one."""
        counted = self.select(QuotaUsage).where(QuotaUsage.resource == "sessions", QuotaUsage.period == "")
        await self.session.execute(counted.with_for_update())

    async def page(
        self, after: tuple[datetime, uuid.UUID] | None, limit: int, *, only_sandbox: bool = False
    ) -> Sequence[Session]:
        query = self.select(Session).order_by(Session.created_at.desc(), Session.id.desc()).limit(limit)
        if only_sandbox:
            query = query.where(Session.sandbox)
        if after is not None:
            query = query.where(tuple_(Session.created_at, Session.id) < after)
        return (await self.session.scalars(query)).all()

    async def primary(self) -> Session | None:
        return (await self.session.scalars(self.select(Session).where(Session.is_primary))).first()

    async def has_any(self) -> bool:
        return (await self.session.scalars(self.select(Session).limit(1))).first() is not None

    async def oldest_but(self, session_id: uuid.UUID) -> Session | None:
        query = self.select(Session).where(Session.id != session_id).order_by(Session.created_at, Session.id)
        return (await self.session.scalars(query.limit(1))).first()

    async def add(self, **values: Any) -> Session | None:
        """None when the name is taken."""
        new = self.insert(Session, **values).on_conflict_do_nothing(index_elements=["user_id", "name"])
        return (await self.session.scalars(new.returning(Session))).first()

    async def pairing(self, session_id: uuid.UUID) -> Pairing | None:
        query = self.select(Pairing).where(Pairing.session_id == session_id)
        return (await self.session.scalars(query)).first()

    async def timeline(
        self, session_id: uuid.UUID, after: tuple[datetime, uuid.UUID] | None, limit: int
    ) -> Sequence[SessionChange]:
        query = (
            self.select(SessionChange)
            .where(SessionChange.session_id == session_id)
            .order_by(SessionChange.created_at.desc(), SessionChange.id.desc())
            .limit(limit)
        )
        if after is not None:
            query = query.where(tuple_(SessionChange.created_at, SessionChange.id) < after)
        return (await self.session.scalars(query)).all()


class SupervisedSessions(SystemRepository):
    """Whoever locks workers' rows as well holds the lock of placing: the order of the two is free."""

    async def of_user(self, user_id: uuid.UUID, reference: str, *, lock: bool = True) -> Session | None:
        query = select(Session).where(Session.user_id == user_id, _referred(reference))
        if lock:
            query = query.with_for_update().execution_options(populate_existing=True)
        return (await self.session.scalars(query)).first()

    async def phone_of_another(self, user_id: uuid.UUID, phone: str) -> bool:
        query = select(Session.id).where(Session.phone == phone, Session.user_id != user_id, Session.sandbox)
        return (await self.session.scalars(query.limit(1))).first() is not None

    async def locked(self, ids: Sequence[uuid.UUID]) -> Sequence[Session]:
        """In one order for everybody, so that nobody waits for each other."""
        # Rows that refer to one of them may be added meanwhile.
        query = select(Session).where(Session.id.in_(ids)).order_by(Session.id)
        query = query.with_for_update(key_share=True)
        return (await self.session.scalars(query.execution_options(populate_existing=True))).all()

    async def of_worker(self, worker_id: str, *, lock: bool = False) -> Sequence[Session]:
        query = select(Session).where(Session.worker_id == worker_id).order_by(Session.id)
        if lock:
            query = query.with_for_update().execution_options(populate_existing=True)
        return (await self.session.scalars(query)).all()

    async def changed(self, since: datetime | None) -> Sequence[Session]:
        """Whose owner or state has changed; all, without a time."""
        query = select(Session)
        if since is not None:
            query = query.where(or_(Session.status_at >= since, Session.assigned_at >= since))
        return (await self.session.scalars(query)).all()

    async def orphans(self, limit: int) -> Sequence[Session]:
        """Wanted, and without a worker that lives, or due to be started again by theirs."""
        query = (
            select(Session)
            .where(*self._orphaned())
            .order_by(Session.status_at, Session.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return (await self.session.scalars(query)).all()

    async def has_orphans(self) -> bool:
        """Without a lock."""
        return bool(await self.session.scalar(select(exists().where(*self._orphaned()))))

    def _orphaned(self) -> tuple[ColumnElement[bool], ...]:
        dead = select(Worker.id).where(Worker.retired_at.is_not(None))
        due = Session.start_after <= func.clock_timestamp()
        without = or_(Session.worker_id.is_(None), Session.worker_id.in_(dead), due)
        return Session.wanted == Wanted.RUN, without

    async def drop_expired_pairings(self) -> None:
        now = func.clock_timestamp()
        over = and_(
            func.coalesce(Pairing.qr_expires_at < now, True),
            func.coalesce(Pairing.code_expires_at < now, True),
        )
        await self.session.execute(delete(Pairing).where(over))

    async def without_code(self, since: timedelta, limit: int) -> Sequence[Session]:
        """Waiting for a scan for so long, and no code is there to be scanned."""
        query = (
            select(Session)
            .where(
                Session.status == SessionState.QR_PENDING,
                Session.status_at < func.clock_timestamp() - since,
                ~exists().where(Pairing.session_id == Session.id),
            )
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return (await self.session.scalars(query)).all()

    async def unused(
        self, since: timedelta, limit: int, told_before: timedelta | None = None
    ) -> Sequence[Session]:
        """Stopped for so long, and nobody wants them to run; their owners told so long ago, or not yet."""
        now = func.clock_timestamp()
        told = Session.expiry_told_at
        query = (
            select(Session)
            .where(
                Session.wanted != Wanted.RUN,
                Session.status.in_(_UNUSED),
                Session.status_at < now - since,
                told.is_(None) if told_before is None else told <= now - told_before,
            )
            .order_by(Session.status_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return (await self.session.scalars(query)).all()

    async def assigned_counts(self) -> dict[str, int]:
        query = (
            select(Session.worker_id, func.count())
            .where(Session.worker_id.is_not(None), Session.wanted == Wanted.RUN)
            .group_by(Session.worker_id)
        )
        rows: Any = (await self.session.execute(query)).all()
        return {str(worker): int(count) for worker, count in rows}

    async def owned(
        self, worker_id: str, keys: Sequence[tuple[uuid.UUID, int]]
    ) -> set[tuple[uuid.UUID, int]]:
        """Which of these sessions this worker owned at these epochs."""
        query = select(SessionOwner.session_id, SessionOwner.epoch).where(
            SessionOwner.worker_id == worker_id,
            tuple_(SessionOwner.session_id, SessionOwner.epoch).in_(keys),
        )
        rows: Any = (await self.session.execute(query)).all()
        return {(session, int(epoch)) for session, epoch in rows}

    async def forget_device(self, session: Session) -> None:
        """The fence lets through who owns the session, and this acts in the owner's name."""
        await self.session.execute(
            text("SELECT whatsapp_store.forget_device(:session, :device)"),
            {"session": str(session.id), "device": session.device_jid},
        )

    async def put_pairing(self, session: Session, **values: Any) -> None:
        whole = {"user_id": session.user_id, "epoch": session.epoch, **values}
        new = insert(Pairing).values(session_id=session.id, **whole)
        await self.session.execute(new.on_conflict_do_update(index_elements=["session_id"], set_=whole))

    async def drop_pairing(self, session_id: uuid.UUID) -> None:
        await self.session.execute(delete(Pairing).where(Pairing.session_id == session_id))


def _referred(reference: str) -> ColumnElement[bool]:
    identity = parse_public_id("ses", reference)
    name = normalise_name(reference)
    ways: list[ColumnElement[bool]] = []
    if identity is not None:
        ways.append(Session.id == identity)
    if name is not None:
        ways.append(Session.name == name)
    return or_(*ways) if ways else Session.id.is_(None)
