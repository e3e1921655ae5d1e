"""Who a request comes from, and what a route asks of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from control_plane.tiers.limits import Limits, Tier
from shared.ids import ApiKeyId, LoginId, UserId


class Role(StrEnum):
    USER = "user"
    ADMIN = "admin"


class Method(StrEnum):
    """How a caller proved who they are; request logs name it."""

    JWT = "jwt"
    API_KEY = "api_key"


class Scope(StrEnum):
    """What an API key may be allowed to do. Account management is never among it."""

    SESSIONS_READ = "sessions:read"
    SESSIONS_WRITE = "sessions:write"
    MESSAGES_READ = "messages:read"
    MESSAGES_SEND = "messages:send"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    EVENTS_READ = "events:read"
    USAGE_READ = "usage:read"


class KeyMode(StrEnum):
    """A test key reaches sandbox sessions only."""

    LIVE = "live"
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    user_id: UserId
    role: Role
    tier: Tier
    limits: Limits
    method: Method
    login_id: LoginId | None = None
    api_key_id: ApiKeyId | None = None
    key_mode: KeyMode | None = None
    scopes: frozenset[Scope] = frozenset()

    @property
    def is_admin(self) -> bool:
        return self.role is Role.ADMIN and self.method is Method.JWT


@dataclass(frozen=True, slots=True)
class Access:
    """What a route demands. A route that says nothing is for people (JWT), never for everybody."""

    public: bool = False
    admin: bool = False
    # None: people only. A scope: API keys that have it as well. ANY_KEY: every valid key.
    scope: Scope | str | None = None
    # The limit of its own that the call is charged to, beside the tier's.
    limit: str = ""
    unlimited: bool = False
    # For workers: the controller checks their token, which is nobody's account.
    worker: bool = False
    # Fields of the answer that a replay of an idempotent request leaves out.
    shown_once: frozenset[str] = frozenset()
    # A larger body, which may be a form with a file.
    takes_files: bool = False


ANY_KEY = "*"
PEOPLE = Access()
ADMINS = Access(admin=True, limit="admin")
_OPTION = "access"


def access(rule: Access) -> dict[str, Any]:
    """For a handler's `opt=`."""
    return {_OPTION: rule}


def public(limit: str = "") -> dict[str, Any]:
    return access(Access(public=True, limit=limit))


UNLIMITED = Access(public=True, unlimited=True)
WORKERS = Access(public=True, unlimited=True, worker=True)


def scoped(scope: Scope | str, *, takes_files: bool = False) -> dict[str, Any]:
    return access(Access(scope=scope, takes_files=takes_files))


def access_of(options: Mapping[str, Any]) -> Access:
    rule = options.get(_OPTION, PEOPLE)
    if not isinstance(rule, Access):
        raise TypeError(f"opt['access'] must be an Access, not {rule!r}")
    return rule
