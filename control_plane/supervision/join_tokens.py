"""Join tokens that administrators hand out: shown once, kept as a keyed hash."""

import secrets
import uuid
from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.errors import AppError, Code, not_found
from control_plane.fleet.models import JoinToken
from control_plane.fleet.repository import FleetRepository
from control_plane.fleet.tokens import join_digests
from control_plane.keyring import Keyring
from control_plane.supervision.fleet_schemas import CreatedJoinToken, CreateJoinTokenBody
from shared.ids import new_uuid

log = structlog.get_logger(__name__)

_PREFIX = "wpj_"
_RANDOM_BYTES = 32


class JoinTokens:
    def __init__(self, db: AsyncSession) -> None:
        self._db = db
        self._fleet = FleetRepository(db)

    async def create(self, body: CreateJoinTokenBody, keyring: Keyring) -> CreatedJoinToken:
        if body.expires_at is not None:
            _check_expiry(body.expires_at, await self._fleet.now())
        whole = _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
        token = JoinToken(
            id=new_uuid(),
            name=body.name,
            digest=join_digests(keyring, whole)[0],
            expires_at=body.expires_at,
        )
        self._db.add(token)
        await self._db.flush()
        await self._db.refresh(token)
        log.info("join_token_made", id=str(token.id))
        return CreatedJoinToken.with_token(token, whole)

    async def page(self, after: tuple[datetime, uuid.UUID] | None, limit: int) -> Sequence[JoinToken]:
        return await self._fleet.join_tokens(after, limit)

    async def revoke(self, token_id: uuid.UUID) -> None:
        """Workers that came with it stay: they have tokens of their own."""
        if not await self._fleet.revoke_join_token(token_id):
            raise not_found("join token")
        log.info("join_token_revoked", id=str(token_id))


def _check_expiry(expires_at: datetime, now: datetime) -> None:
    problem = None
    if expires_at.tzinfo is None:
        problem = "must say its time zone, like 2030-01-31T00:00:00Z"
    elif expires_at <= now:
        problem = "must lie in the future"
    if problem:
        raise AppError(
            Code.VALIDATION_FAILED,
            f"expiresAt {problem}.",
            errors=[{"pointer": "/expiresAt", "detail": problem}],
        )
