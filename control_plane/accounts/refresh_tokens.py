"""Refresh tokens: each is good for one rotation; a second use ends the whole login.

Browsers and phones do send the same refresh twice (two tabs, a lost answer). Within a short grace the second
is told so and the login lives on; after it, a token that was rotated can only be in the wrong hands.
"""

import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.accounts.models import Login, RefreshToken
from control_plane.accounts.repository import SignInRepository
from control_plane.errors import AppError, Code
from control_plane.keyring import Keyring
from shared.ids import LoginId, UserId, new_uuid

_PURPOSE = "refresh-token"
_PREFIX = "wpr_"


class RefreshTokens:
    def __init__(self, keyring: Keyring, lifetime_seconds: float, grace_seconds: float) -> None:
        self._keyring = keyring
        self._lifetime = timedelta(seconds=lifetime_seconds)
        self._grace = grace_seconds

    def open_login(self, session: AsyncSession, user_id: UserId, user_agent: str) -> tuple[LoginId, str]:
        login_id = LoginId(new_uuid())
        expires_at = datetime.now(UTC) + self._lifetime
        session.add(
            Login(id=login_id, user_id=user_id, expires_at=expires_at, user_agent=user_agent),
        )
        return login_id, self._issue(session, user_id, login_id)

    async def rotate(self, repository: SignInRepository, token: str) -> tuple[UserId, LoginId, str]:
        digests = self._keyring.digests(_PURPOSE, token.encode())
        old = await repository.rotate(digests)
        if old is None:
            raise await self._refusal(repository, digests)
        await repository.login_refreshed(old.login_id, self._lifetime)
        user_id, login_id = UserId(old.user_id), LoginId(old.login_id)
        return user_id, login_id, self._issue(repository.session, user_id, login_id)

    def _issue(self, session: AsyncSession, user_id: UserId, login_id: LoginId) -> str:
        token = _PREFIX + secrets.token_urlsafe(32)
        session.add(
            RefreshToken(
                user_id=user_id,
                login_id=login_id,
                digest=self._keyring.digest(_PURPOSE, token.encode()),
                expires_at=datetime.now(UTC) + self._lifetime,
            )
        )
        return token

    async def _refusal(self, repository: SignInRepository, digests: list[bytes]) -> AppError:
        known = await repository.presented(digests)
        if known is None:
            return _invalid("The refresh token is not valid. Log in again.")
        token, login, seconds_since_rotation = known
        if login.revoked_at is not None or seconds_since_rotation is None:
            return _invalid("The login has ended. Log in again.")
        if seconds_since_rotation <= self._grace:
            return AppError(
                Code.REFRESH_SUPERSEDED,
                "Another request has just used this refresh token. Use the tokens that it received.",
            )
        await repository.revoke_login(token.login_id, "refresh_token_reused")
        return AppError(
            Code.REFRESH_TOKEN_REUSED,
            "This refresh token was used before, so it may be stolen: the login was ended. Log in again.",
            keeps_changes=True,
        )


def _invalid(detail: str) -> AppError:
    return AppError(Code.UNAUTHORIZED, detail)
