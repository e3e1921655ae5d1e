"""Short-lived JWTs for people: one algorithm, a key id from our own list, everything else checked."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt

from control_plane.errors import AppError, Code
from control_plane.keyring import Keyring
from shared.ids import LoginId, UserId

ALGORITHM = "HS256"
ISSUER = "waypost"
AUDIENCE = "waypost-api"
TYPE = "at+jwt"
_PURPOSE = "access-token"
_REQUIRED = ["iss", "aud", "sub", "sid", "iat", "exp"]


@dataclass(frozen=True, slots=True)
class AccessClaims:
    user_id: UserId
    login_id: LoginId


class AccessTokens:
    def __init__(self, keyring: Keyring, lifetime_seconds: float) -> None:
        self._keyring = keyring
        self._keys = {key_id: keyring.key(_PURPOSE, key_id) for key_id in keyring.key_ids}
        self.lifetime = timedelta(seconds=lifetime_seconds)

    def issue(self, user_id: UserId, login_id: LoginId) -> str:
        now = datetime.now(UTC)
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "sid": str(login_id),
            "iat": now,
            "exp": now + self.lifetime,
        }
        current = self._keyring.current_id
        headers = {"kid": current, "typ": TYPE}
        return jwt.encode(claims, self._keys[current], algorithm=ALGORITHM, headers=headers)

    def verify(self, token: str) -> AccessClaims:
        """Every fault gives the same answer, but for age: a client acts differently on an old token."""
        try:
            header = jwt.get_unverified_header(token)
            # The key id picks from our own list and nothing else: it never becomes a path, a query or a URL.
            key = self._keys.get(str(header.get("kid")))
            if key is None or header.get("typ") != TYPE:
                raise jwt.InvalidTokenError
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                options={"require": _REQUIRED, "verify_iat": True, "strict_aud": True},
            )
            return AccessClaims(UserId(UUID(claims["sub"])), LoginId(UUID(claims["sid"])))
        except jwt.ExpiredSignatureError:
            raise expired_token() from None
        except (jwt.PyJWTError, ValueError, TypeError):
            raise invalid_token() from None


def expired_token() -> AppError:
    return AppError(
        Code.TOKEN_EXPIRED,
        "The access token has expired. Get a new one with POST /v1/auth/refresh.",
        headers={"WWW-Authenticate": 'Bearer realm="waypost", error="invalid_token"'},
    )


def invalid_token() -> AppError:
    return AppError(
        Code.UNAUTHORIZED,
        "The credential is not valid. Send 'Authorization: Bearer <access token or API key>'.",
        headers={"WWW-Authenticate": 'Bearer realm="waypost", error="invalid_token"'},
    )
