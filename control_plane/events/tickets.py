"""Tickets for WebSockets, which browsers open without headers: good once, and for a minute.

A ticket stands for the credential that asked for it. Redis keeps neither of them in plain: the ticket is the
name of the entry as a keyed hash, and the credential is sealed.
"""

import secrets
import uuid
from typing import Any

import msgspec
from redis.asyncio import Redis

from control_plane.errors import AppError, Code
from control_plane.keyring import Keyring, UnknownKeyError
from control_plane.redis_map import REDIS_FAILURES

TICKET_SECONDS = 60
_PURPOSE = "event-ticket"
_LONGEST = 100


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """`after` is a cursor, or empty for now."""

    credential: str
    session_id: uuid.UUID | None
    types: frozenset[str] | None
    after: str


class Tickets:
    def __init__(self, redis: Redis, keyring: Keyring) -> None:
        self._redis = redis
        self._keyring = keyring

    async def issue(self, ticket: Ticket) -> str:
        text = secrets.token_urlsafe(32)
        digest = self._keyring.digest(_PURPOSE, text.encode())
        sealed = self._keyring.seal(_PURPOSE, msgspec.msgpack.encode(ticket), digest)
        try:
            await self._redis.set(_name(digest), sealed, ex=TICKET_SECONDS)
        except REDIS_FAILURES:
            raise _unavailable() from None
        return text

    async def redeem(self, text: str) -> Ticket:
        """Whoever comes first has it, whichever replica they ask."""
        if not text or len(text) > _LONGEST:
            raise _refused("No ticket was sent." if not text else "This is no ticket.")
        try:
            for digest in self._keyring.digests(_PURPOSE, text.encode()):
                sealed: Any = await self._redis.getdel(_name(digest))
                if sealed is not None:
                    return self._opened(sealed, digest)
        except REDIS_FAILURES:
            raise _unavailable() from None
        raise _refused(f"The ticket is unknown, was used, or is older than {TICKET_SECONDS} s.")

    def _opened(self, sealed: bytes, digest: bytes) -> Ticket:
        try:
            plain = self._keyring.open(_PURPOSE, sealed, digest)
        except UnknownKeyError:
            raise _refused("The ticket was not made here.") from None
        return msgspec.msgpack.decode(plain, type=Ticket)


def _name(digest: bytes) -> str:
    return f"event-ticket:{digest.hex()}"


def _refused(what: str) -> AppError:
    return AppError(
        Code.UNAUTHORIZED, f"{what} Ask for one with POST /v1/events/tickets, for each connection anew."
    )


def _unavailable() -> AppError:
    words = "Tickets cannot be kept at this moment. Try again, or read GET /v1/events as text/event-stream."
    return AppError(Code.TICKETS_UNAVAILABLE, words, headers={"Retry-After": "2"})
