"""What is counted for one's own sessions; each statement reads a bounded number of rows."""

import uuid
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Date, Row, Select, and_, cast, func, or_

from control_plane.db.tenancy import TenantRepository
from control_plane.messages.models import Message
from control_plane.sessions.health_score import FRESH_SECONDS
from control_plane.sessions.models import Session, SessionChange, SessionProbe
from control_plane.sessions.uptime import BY_REQUEST, ENDS, Change
from shared.session_state import Reason, SessionState

MOST_MESSAGES = 200_000
_ILL = (SessionState.RECONNECTING, SessionState.AUTH_FAILED)
_COLUMNS = (
    SessionChange.created_at,
    SessionChange.before,
    SessionChange.after,
    SessionChange.reason,
    SessionChange.detail,
    SessionChange.worker_id,
)
_OUTBOUND = Message.direction == "outbound"
_COUNTS = (
    func.count().filter(and_(_OUTBOUND, Message.ack >= 1)),
    func.count().filter(Message.direction == "inbound"),
    func.count().filter(and_(_OUTBOUND, Message.status == "failed")),
)


class DayCount(NamedTuple):
    day: date
    sent: int
    received: int
    failed: int


class StatusCount(NamedTuple):
    status: str
    sessions: int
    codes: int
    healthy: int
    unhealthy: int
    probed_at: datetime | None


class LastFailure(NamedTuple):
    """The last one, and beside it how many there were, and how many of them while it came back."""

    errors: int
    failed_reconnects: int
    session_id: uuid.UUID
    status: str
    reason: str
    detail: str
    at: datetime


class SessionFigures(TenantRepository):
    async def changes(
        self, session_id: uuid.UUID, since: datetime, until: datetime, limit: int
    ) -> list[Change]:
        """The newest ones, the oldest of them first."""
        query = self._changes(session_id).where(
            SessionChange.created_at >= since, SessionChange.created_at < until
        )
        rows = (await self.session.execute(query.limit(limit))).all()
        return [_change(row) for row in reversed(rows)]

    async def last_change_before(self, session_id: uuid.UUID, moment: datetime) -> Change | None:
        query = self._changes(session_id).where(SessionChange.created_at < moment).limit(1)
        row = (await self.session.execute(query)).first()
        return _change(row) if row is not None else None

    async def probe(self, session: Session) -> SessionProbe | None:
        """By its present owner: what an earlier one found says nothing about this client."""
        query = self.select(SessionProbe).where(
            SessionProbe.session_id == session.id, SessionProbe.epoch == session.epoch
        )
        return (await self.session.scalars(query)).first()

    async def messages_by_day(
        self, session_id: uuid.UUID, since: datetime, until: datetime
    ) -> list[DayCount]:
        """Days of UTC that had any."""
        day = cast(func.timezone("UTC", Message.created_at), Date)
        query = self.select_columns(Message, day, *_COUNTS).where(*_between(session_id, since, until))
        rows: Any = (await self.session.execute(query.group_by(day).order_by(day))).all()
        return [DayCount(*row) for row in rows]

    async def many_messages_since(
        self, session_id: uuid.UUID, since: datetime, until: datetime
    ) -> datetime | None:
        """From when on there are MOST_MESSAGES of them; None when there are not so many."""
        query = self.select_columns(Message, Message.created_at).where(*_between(session_id, since, until))
        newest_first = query.order_by(Message.created_at.desc()).offset(MOST_MESSAGES - 1).limit(1)
        moment: datetime | None = await self.session.scalar(newest_first)
        return moment

    async def messages(self, since: datetime, *, only_sandbox: bool) -> tuple[int, int, int]:
        """How many were sent, were received and failed."""
        of_ours = and_(Session.id == Message.session_id, Session.user_id == self.tenant)
        query = self.select_columns(Message, *_COUNTS).join(Session, of_ours)
        query = query.where(Message.created_at >= since, ~Message.history)
        sent, received, failed = (
            await self.session.execute(_sandbox(query, only_sandbox=only_sandbox))
        ).one()
        return sent, received, failed

    async def by_status(self, *, only_sandbox: bool) -> list[StatusCount]:
        """What was probed long ago is as unknown as what never was."""
        fresh = func.clock_timestamp() - timedelta(seconds=FRESH_SECONDS)
        present = and_(
            SessionProbe.session_id == Session.id,
            SessionProbe.user_id == self.tenant,
            SessionProbe.epoch == Session.epoch,
            SessionProbe.probed_at > fresh,
        )
        answered = func.coalesce(SessionProbe.answered, False)
        ill = or_(Session.status.in_(_ILL), func.coalesce(~SessionProbe.answered, False))
        query = self.select_columns(
            Session,
            Session.status,
            func.count(),
            cast(func.sum(Session.qr_codes), BigInteger),
            func.count().filter(and_(Session.status == SessionState.CONNECTED, answered)),
            func.count().filter(ill),
            func.max(SessionProbe.probed_at),
        ).outerjoin(SessionProbe, present)
        query = _sandbox(query, only_sandbox=only_sandbox).group_by(Session.status)
        rows: Any = (await self.session.execute(query)).all()
        return [StatusCount(*row) for row in rows]

    async def last_failure(self, since: datetime, *, only_sandbox: bool) -> LastFailure | None:
        coming_back = SessionChange.before.in_((SessionState.RECONNECTING, SessionState.RECOVERING))
        query = (
            self.select_columns(
                SessionChange,
                func.count().over(),
                func.count().filter(coming_back).over(),
                SessionChange.session_id,
                SessionChange.after,
                SessionChange.reason,
                SessionChange.detail,
                SessionChange.created_at,
            )
            .join(Session, and_(Session.id == SessionChange.session_id, Session.user_id == self.tenant))
            .where(
                SessionChange.created_at >= since,
                SessionChange.after.in_(ENDS),
                SessionChange.before != SessionChange.after,
                SessionChange.reason.not_in(BY_REQUEST),
            )
            .order_by(SessionChange.created_at.desc(), SessionChange.id.desc())
            .limit(1)
        )
        row: Any = (await self.session.execute(_sandbox(query, only_sandbox=only_sandbox))).first()
        return LastFailure(*row) if row is not None else None

    def _changes(self, session_id: uuid.UUID) -> Select[Any]:
        return (
            self.select_columns(SessionChange, *_COLUMNS)
            .where(SessionChange.session_id == session_id)
            .order_by(SessionChange.created_at.desc(), SessionChange.id.desc())
        )


def _between(session_id: uuid.UUID, since: datetime, until: datetime) -> tuple[ColumnElement[bool], ...]:
    """What the phone remembered from before its pairing is no traffic."""
    return (
        Message.session_id == session_id,
        Message.created_at >= since,
        Message.created_at < until,
        ~Message.history,
    )


def _sandbox(query: Select[Any], *, only_sandbox: bool) -> Select[Any]:
    return query.where(Session.sandbox) if only_sandbox else query


def _change(row: Row[Any]) -> Change:
    return Change(
        at=row.created_at,
        before=SessionState(row.before),
        after=SessionState(row.after),
        reason=Reason(row.reason),
        detail=row.detail,
        worker_id=row.worker_id,
    )
