"""The same POST sent twice is done once.

A claim is committed before the work, and the answer is stored in the transaction that did the work. So a
crash in between leaves a claim that ends by itself and no effect, never an effect without an answer.
"""

import asyncio
import hashlib
import re
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakValueDictionary

import msgspec
from sqlalchemy import ForeignKey, Index, LargeBinary, case, delete, func, or_
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.db.base import Base, HasCreationTime
from control_plane.db.engine import Database
from control_plane.db.tenancy import SystemRepository, TenantRepository
from control_plane.errors import AppError, Code
from shared.ids import UserId, new_uuid

KEPT_FOR = timedelta(hours=24)
LEASE = timedelta(seconds=60)
_STATE = "waypost_idempotency"
_KEY = re.compile(r'"?([\x21\x23-\x7e]{1,255})"?')


class IdempotencyRecord(HasCreationTime, Base):
    __tablename__ = "idempotency_keys"
    __table_args__ = (Index(None, "created_at"),)

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    route: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    token: Mapped[uuid.UUID]
    claimed_until: Mapped[datetime]
    status: Mapped[int | None]
    headers: Mapped[dict[str, str] | None] = mapped_column(JSONB)
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    # What the request has made, where that is known before its answer is: who repeats it gets the same.
    made: Mapped[uuid.UUID | None]


@dataclass(frozen=True, slots=True)
class Replay:
    """An answer as it is kept and given again."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Claimed:
    route: str
    key: str
    token: uuid.UUID


class IdempotencyRepository(TenantRepository):
    def __init__(self, session: AsyncSession, tenant: UserId) -> None:
        # The tenant is named and not taken from the session: an admin's request works in a system session.
        self.session = session
        self.tenant = tenant

    async def claim(self, route: str, key: str, fingerprint: bytes, token: uuid.UUID) -> bool:
        """Takes the key when it is new, expired, or left behind by a process that died at work."""
        record, now = IdempotencyRecord, func.clock_timestamp()
        new = self.insert(
            record, route=route, key=key, fingerprint=fingerprint, token=token, claimed_until=now + LEASE
        )
        abandoned = (
            record.status.is_(None) & (record.claimed_until < now) & (record.fingerprint == fingerprint)
        )
        expired = record.created_at < now - KEPT_FOR
        statement = new.on_conflict_do_update(
            index_elements=["user_id", "route", "key"],
            set_={
                "fingerprint": new.excluded.fingerprint,
                "token": new.excluded.token,
                "claimed_until": new.excluded.claimed_until,
                "created_at": now,
                "status": None,
                "headers": None,
                "body": None,
                "made": case((expired, None), else_=record.made),
            },
            where=or_(abandoned, expired),
        ).returning(record.token)
        return (await self.session.execute(statement)).scalar_one_or_none() is not None

    async def find(self, route: str, key: str) -> IdempotencyRecord | None:
        record = IdempotencyRecord
        found: IdempotencyRecord | None = await self.session.scalar(
            self.select(record).where(record.route == route, record.key == key)
        )
        return found

    async def store(self, claimed: Claimed, answer: Replay) -> bool:
        values = {"status": answer.status, "headers": dict(answer.headers), "body": answer.body}
        statement = self.update(IdempotencyRecord).where(*_held(claimed)).values(**values)
        result: Any = await self.session.execute(statement)
        return bool(result.rowcount)

    async def forget(self, claimed: Claimed) -> None:
        """Free for the next try at once; what it has made already stays known."""
        held, record = _held(claimed), IdempotencyRecord
        await self.session.execute(self.delete(record).where(*held, record.made.is_(None)))
        over = func.clock_timestamp() - timedelta(seconds=1)
        await self.session.execute(self.update(record).where(*held).values(claimed_until=over))


class MadeRepository(TenantRepository):
    """For what must not be made twice although its maker died before it could answer."""

    async def made_before(self, claimed: Claimed) -> uuid.UUID | None:
        record = IdempotencyRecord
        query = self.select_columns(record, record.made).where(*_held(claimed))
        found: uuid.UUID | None = await self.session.scalar(query)
        return found

    async def note(self, claimed: Claimed, made: uuid.UUID | None) -> None:
        await self.session.execute(self.update(IdempotencyRecord).where(*_held(claimed)).values(made=made))


class ExpiredKeys(SystemRepository):
    async def purge(self) -> int:
        old = IdempotencyRecord.created_at < func.statement_timestamp() - KEPT_FOR
        result: Any = await self.session.execute(delete(IdempotencyRecord).where(old))
        return int(result.rowcount)


def read_key(headers: Mapping[str, str]) -> str | None:
    """Quoted, as the draft says, or bare, as most clients send it."""
    text = headers.get("idempotency-key")
    if text is None:
        return None
    form = _KEY.fullmatch(text.strip())
    if form is None:
        raise AppError(
            Code.MALFORMED_REQUEST,
            "Idempotency-Key must be 1 to 255 visible ASCII characters without blanks.",
        )
    return form[1]


def fingerprint(query: bytes, content_type: str, body: bytes) -> bytes:
    return hashlib.sha256(b"\0".join((query, content_type.encode(), body))).digest()


async def claim(
    database: Database, tenant: UserId, route: str, key: str, print_of_request: bytes
) -> Claimed | Replay:
    """In a transaction of its own, so that a second request sees the claim while the first still works."""
    claimed = Claimed(route, key, new_uuid())
    async with database.tenant(tenant) as session:
        repository = IdempotencyRepository(session, tenant)
        if await repository.claim(route, key, print_of_request, claimed.token):
            return claimed
        record = await repository.find(route, key)
    if record is None or record.status is None or record.fingerprint != print_of_request:
        raise _refusal(record.fingerprint if record is not None else print_of_request, print_of_request)
    return Replay(record.status, record.headers or {}, record.body or b"")


class InFlight:
    """What this process is at: whoever comes second with a key of it need not ask the database."""

    def __init__(self) -> None:
        self._running: dict[tuple[UserId, str, str], bytes] = {}
        self._turns: WeakValueDictionary[tuple[UserId, str, str], asyncio.Lock] = WeakValueDictionary()

    async def claim(
        self, database: Database, tenant: UserId, route: str, key: str, print_of_request: bytes
    ) -> Claimed | Replay:
        name = (tenant, route, key)
        turn = self._turns.setdefault(name, asyncio.Lock())
        async with turn:
            if name in self._running:
                raise _refusal(self._running[name], print_of_request)
            claimed = await claim(database, tenant, route, key, print_of_request)
            if isinstance(claimed, Claimed):
                self._running[name] = print_of_request
            return claimed

    def done(self, tenant: UserId, claimed: Claimed) -> None:
        self._running.pop((tenant, claimed.route, claimed.key), None)


def _refusal(known: bytes, print_of_request: bytes) -> AppError:
    if known != print_of_request:
        return AppError(
            Code.IDEMPOTENCY_KEY_REUSED,
            "This Idempotency-Key was used with another request. Use a new key for a new request.",
        )
    return AppError(
        Code.IDEMPOTENCY_IN_FLIGHT,
        "The first request with this Idempotency-Key is still running. Try again in a moment.",
        headers={"Retry-After": "1"},
    )


async def release(database: Database, tenant: UserId, claimed: Claimed) -> None:
    """After a refusal nothing was done, so the same key may be tried again at once."""
    async with database.tenant(tenant) as session:
        await IdempotencyRepository(session, tenant).forget(claimed)


async def store(session: AsyncSession, tenant: UserId, claimed: Claimed, answer: Replay) -> None:
    stored = await IdempotencyRepository(session, tenant).store(claimed, answer)
    if not stored:
        raise AppError(
            Code.IDEMPOTENCY_IN_FLIGHT,
            "The request took so long that another one with its Idempotency-Key took over.",
        )


def without(names: Collection[str], body: bytes) -> bytes:
    """What is replayed never repeats what was to be shown once."""
    if not names or not body:
        return body
    document = msgspec.json.decode(body)
    return msgspec.json.encode({name: None if name in names else value for name, value in document.items()})


def claim_of(scope: Any) -> Claimed | None:
    """Of the request, where it has a key."""
    claimed: Claimed | None = scope["state"].get(_STATE)
    return claimed


def remember(scope: Any, claimed: Claimed) -> None:
    scope["state"][_STATE] = claimed


def _held(claimed: Claimed) -> tuple[Any, ...]:
    record = IdempotencyRecord
    return (record.route == claimed.route, record.key == claimed.key, record.token == claimed.token)
