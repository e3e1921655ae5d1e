"""How much may be sent: a pace that keeps numbers well, and what the account's tier allows."""

import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.events.log import NewEvent
from control_plane.http.limiter import Bucket, Limiter
from control_plane.http.principal import Principal
from control_plane.http.rate_limit import headers, refusal
from control_plane.tiers.service import Quotas

_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Messages a minute: of a session to one chat, and of a session to all of them."""

    to_one: int
    to_all: int


class PaceKeeper:
    def __init__(self, limiter: Limiter, pace: Pace) -> None:
        self._limiter = limiter
        self._pace = pace

    async def check(self, session_id: uuid.UUID, chat: str) -> dict[str, str]:
        """The headers that tell what is left."""
        buckets = [
            Bucket("messages-to-one-chat", _key_of_chat(session_id, chat), self._pace.to_one, _MINUTE),
            Bucket("messages-of-the-session", f"pace:{session_id}", self._pace.to_all, _MINUTE),
        ]
        verdicts = await self._limiter.check(buckets)
        error = refusal(verdicts)
        if error is not None:
            raise error
        return headers(verdicts)


def _key_of_chat(session_id: uuid.UUID, chat: str) -> str:
    """Redis need not know whom somebody writes to."""
    name = hashlib.blake2b(chat.encode(), digest_size=12, key=session_id.bytes).hexdigest()
    return f"pace:{session_id}:{name}"


async def reserve(db: AsyncSession, principal: Principal) -> list[NewEvent]:
    """In the transaction that puts a message into the queue. What the owner is to be told, if anything."""
    return used_up(principal.user_id, await Quotas(db).reserve_message(principal.limits))


def used_up(user_id: uuid.UUID, ends: Iterable[tuple[str, int]]) -> list[NewEvent]:
    """Told once, with the message that used up the last of a day or a month."""
    return [
        NewEvent(
            user_id=user_id,
            session_id=None,
            sequence=0,
            type="quota.reached",
            data={"resource": "messages", "period": period, "limit": limit},
        )
        for period, limit in ends
    ]
