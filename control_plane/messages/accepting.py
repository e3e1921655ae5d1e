"""The moment in which a message is accepted: its row, its place in the queue and its count, in one step."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import asyncpg
import msgspec
from sqlalchemy import RowMapping

from control_plane.db.claims import Claim
from control_plane.db.engine import Database, SystemSite
from control_plane.events.log import append
from control_plane.http.idempotency import Claimed
from control_plane.http.principal import KeyMode, Principal
from control_plane.messages.models import Message
from control_plane.messages.pace import used_up
from control_plane.messages.queue.drainer import Begun
from control_plane.messages.queue.lanes import youngest_ids
from control_plane.messages.queue.repository import LEASE
from control_plane.messages.refusals import CLOSED, closed
from control_plane.messages.repository import MessageRepository
from control_plane.sessions.models import Session
from control_plane.tiers.service import message_periods, tier_limit_reached
from shared.ids import normalise_name, parse_public_id

_FUNCTION = "accept_message"
_QUOTA = "WPQ01"
_FIELDS = (
    *("type", "chat_id", "contact_id", "recipient", "phone", "lid", "text", "content", "reply_to"),
    *("mentions", "forwarded", "lane", "typing_seconds", "media"),
)
_MOMENTS = ("send_at", "expires_at", "created_at")


@dataclass(frozen=True, slots=True)
class Call:
    """How a caller wants to be answered: `once` is its idempotency key, where it gave one.

    `headers` takes what its answer is to tell beside the message.
    """

    principal: Principal
    wait: bool = True
    once: Claimed | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Accepted:
    """`claim`: its session's outbox is ours; `begun`: and the message is the first in it."""

    message: Message
    claim: Claim | None = None
    begun: Begun | None = None


class Accepting:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def accept(
        self, call: Call, reference: str | None, message: Message, token: uuid.UUID | None
    ) -> Accepted | None:
        """None: its session is not there, or is not what the reference means any more.

        With the token this process holds the session's outbox afterwards, if nobody does.
        """
        principal = call.principal
        limits = message_periods(principal.limits, datetime.now(UTC))
        named = reference is not None and parse_public_id("ses", reference) is None
        try:
            row = await self._database.direct.call(
                _FUNCTION,
                principal.user_id,
                message.session_id,
                normalise_name(reference or "") if named else None,
                reference is None,
                principal.key_mode is KeyMode.TEST,
                sorted(CLOSED),
                youngest_ids(),
                _row(message),
                token,
                LEASE,
                _once(call.once),
                msgspec.json.encode({period: limit for period, (_, limit) in limits.items()}).decode(),
            )
        except asyncpg.PostgresError as error:
            if error.sqlstate == _QUOTA:
                raise tier_limit_reached(*limits[str(error)]) from None
            raise
        if row["outcome"] == "no_session":
            return None
        if row["outcome"] == "closed":
            raise closed(row["status"])
        if row["outcome"] == "made":
            return await self._made(principal, row["made"])
        await self._tell_what_is_used_up(principal, msgspec.json.decode(row["used"]), limits)
        return _accepted(message, token, row)

    async def _made(self, principal: Principal, message_id: Any) -> Accepted | None:
        """By a call that died before its answer."""
        async with self._database.tenant(principal.user_id) as db:
            message = await MessageRepository(db).message(message_id)
            return Accepted(message) if message is not None else None

    async def _tell_what_is_used_up(
        self, principal: Principal, used: dict[str, int], limits: dict[str, tuple[str, int]]
    ) -> None:
        ends = [limits[period] for period, count in used.items() if count == limits[period][1]]
        if ends:
            async with self._database.system(SystemSite.SENDING) as db:
                await append(db, used_up(principal.user_id, ends))


def _row(message: Message) -> str:
    fields: dict[str, Any] = {name: getattr(message, name) for name in _FIELDS}
    moments = {name: getattr(message, name) for name in _MOMENTS}
    return msgspec.json.encode({"id": message.id, **fields, **moments}).decode()


def _once(claimed: Claimed | None) -> str | None:
    if claimed is None:
        return None
    once = {"route": claimed.route, "key": claimed.key, "token": str(claimed.token)}
    return msgspec.json.encode(once).decode()


def _accepted(message: Message, token: Any, row: asyncpg.Record) -> Accepted:
    """The row as it was written, without reading it."""
    session = Session(
        id=message.session_id,
        user_id=message.user_id,
        status=row["status"],
        epoch=row["epoch"],
        worker_id=row["worker_id"],
    )
    message.place, message.epoch = row["place"], row["epoch"]
    message.sender = f"{row['phone']}@s.whatsapp.net" if row["phone"] else ""
    if not row["held"]:
        return Accepted(message)
    claim = Claim(message.session_id, token, row["attempts"], cast("RowMapping", row))
    if not row["begun"]:
        return Accepted(message, claim)
    message.status, message.attempts, message.attempted_at = "sending", 1, datetime.now(UTC)
    return Accepted(message, claim, (session, message))
