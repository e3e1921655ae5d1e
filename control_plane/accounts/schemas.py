"""What travels over the wire for accounts, logins and keys."""

from datetime import datetime
from typing import Annotated, Any

import msgspec

from control_plane.accounts.models import ApiKey, User
from control_plane.http.principal import KeyMode, Role, Scope
from control_plane.tiers.limits import Limits, Tier
from control_plane.tiers.service import Usage
from shared.ids import public_id

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
# Passwords and tokens are measured by their own rules; this only keeps the absurd from the hasher.
Opaque = Annotated[str, msgspec.Meta(max_length=1024)]


class Body(msgspec.Struct, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """A field that is not known is refused: it is a typing error, or a wish that would be ignored."""


class Answer(msgspec.Struct, rename="camel", kw_only=True):
    """Every field is always there, with null where there is nothing to tell."""


class RegisterBody(Body):
    email: Opaque
    password: Opaque
    name: Name


class LoginBody(Body):
    email: Opaque
    password: Opaque


class RefreshBody(Body):
    refresh_token: Opaque


class ForgotPasswordBody(Body):
    email: Opaque


class ResetPasswordBody(Body):
    token: Opaque
    password: Opaque


class ChangePasswordBody(Body):
    current_password: Opaque
    new_password: Opaque


class UpdateProfileBody(Body):
    name: Name | msgspec.UnsetType = msgspec.UNSET
    email: Opaque | msgspec.UnsetType = msgspec.UNSET
    # Asked for when the email changes, because whoever holds the email holds the account.
    current_password: Opaque | msgspec.UnsetType = msgspec.UNSET


class DeleteAccountBody(Body):
    password: Opaque


class CreateApiKeyBody(Body):
    name: Name
    scopes: list[Scope] | None = None
    expires_at: datetime | None = None
    mode: KeyMode = KeyMode.LIVE


class UserView(Answer):
    id: str
    email: str
    name: str
    role: Role
    tier: Tier
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> "UserView":
        return cls(
            id=public_id("usr", user.id),
            email=user.email,
            name=user.name,
            role=Role(user.role),
            tier=Tier(user.tier),
            created_at=user.created_at,
        )


class SignedIn(Answer):
    user: UserView
    access_token: str
    refresh_token: str
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105 (a word of OAuth, no secret)


class UsageView(Answer):
    tier: Tier
    limits: Limits
    usage: dict[str, Usage]


class ApiKeyView(Answer):
    id: str
    name: str
    mode: KeyMode
    hint: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def of(cls, key: ApiKey) -> "ApiKeyView":
        return cls(**_shown(key))


class CreatedApiKey(ApiKeyView):
    """The only answer that ever holds the key."""

    key: str | None

    @classmethod
    def with_key(cls, key: ApiKey, whole: str) -> "CreatedApiKey":
        return cls(key=whole, **_shown(key))


class WhoAmI(Answer):
    user_id: str
    method: str
    role: Role
    tier: Tier
    scopes: list[Scope]
    api_key_id: str | None
    key_mode: KeyMode | None
    limits: Limits


def _shown(key: ApiKey) -> dict[str, Any]:
    return {
        "id": public_id("key", key.id),
        "name": key.name,
        "mode": KeyMode(key.mode),
        "hint": f"wp_{key.mode}_{key.key_id}_…",
        "scopes": [Scope(scope) for scope in key.scopes],
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
    }
