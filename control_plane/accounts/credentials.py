"""From what a caller sends to who they are; cached for as long as this replica hears of revocations."""

import asyncio
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from control_plane.accounts import api_keys
from control_plane.accounts.access_tokens import AccessTokens, invalid_token
from control_plane.accounts.models import User
from control_plane.accounts.repository import CredentialRepository
from control_plane.accounts.sign_in import disabled
from control_plane.db.engine import Database, SystemSite
from control_plane.errors import AppError, Code
from control_plane.http.principal import KeyMode, Method, Principal, Role, Scope
from control_plane.keyring import Keyring
from control_plane.tiers.limits import Tier
from shared.ids import ApiKeyId, LoginId, UserId

_CACHE_ENTRIES = 50_000
# The feed makes entries right; this only bounds how long an unused one is kept.
_CACHE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Known:
    """A credential that was good when it was looked up."""

    principal: Principal
    digest: bytes
    digest_key_id: str
    expires_at: datetime | None
    looked_up_at: float


class Credentials:
    """The Authenticator of the API."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        access_tokens: AccessTokens,
        cache_is_fresh: Callable[[], bool],
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._access_tokens = access_tokens
        self._cache_is_fresh = cache_is_fresh
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._names_of: dict[uuid.UUID, set[str]] = {}
        # Raised by every revocation: a look-up that began before it must not be cached after it.
        self._generation = 0
        self.used_keys: dict[uuid.UUID, datetime] = {}
        self._looking_up: dict[str, asyncio.Task[_Known | None]] = {}

    async def authenticate(self, credential: str) -> Principal:
        if credential.startswith(api_keys.PREFIX):
            return await self._by_key(credential)
        return await self._by_token(credential)

    def forget(self, user_id: uuid.UUID | None) -> None:
        """Called for every account that changed; None means that anything may have changed."""
        self._generation += 1
        if user_id is None:
            self._known.clear()
            self._names_of.clear()
            return
        for name in self._names_of.pop(user_id, ()):
            self._known.pop(name, None)

    async def flush_used_keys(self) -> int:
        """Writes the times of last use together, a few seconds late, instead of a write for each request."""
        used, self.used_keys = self.used_keys, {}
        if used:
            async with self._database.system(SystemSite.LAST_USED) as session:
                await CredentialRepository(session).mark_used(used)
        return len(used)

    async def _by_token(self, token: str) -> Principal:
        claims = self._access_tokens.verify(token)
        name = f"login:{claims.login_id}"
        known = self._cached(name) or await self._look_up(name, claims.login_id)
        if known is None or known.principal.user_id != claims.user_id:
            raise AppError(Code.UNAUTHORIZED, "This login has ended. Log in again.")
        return known.principal

    async def _by_key(self, text: str) -> Principal:
        parsed = api_keys.parse(text)
        if parsed is None:
            raise AppError(
                Code.UNAUTHORIZED, "This is no API key: its form or its checksum is wrong. Was it cut off?"
            )
        name = f"key:{parsed.key_id}"
        known = self._cached(name) or await self._look_up(name, parsed.key_id)
        if known is None or not api_keys.matches(self._keyring, parsed, known.digest, known.digest_key_id):
            raise invalid_token()
        if known.expires_at is not None and known.expires_at <= datetime.now(UTC):
            raise AppError(Code.TOKEN_EXPIRED, "The API key has expired. Make a new one.")
        key_id = known.principal.api_key_id
        if key_id is not None:
            self.used_keys[key_id] = datetime.now(UTC)
        return known.principal

    def _cached(self, name: str) -> _Known | None:
        known = self._known.get(name)
        if known is None or not self._cache_is_fresh():
            return None
        if time.monotonic() - known.looked_up_at > _CACHE_SECONDS:
            return None
        return known

    async def _look_up(self, name: str, credential_id: LoginId | str) -> _Known | None:
        """Requests that miss the cache together ask together; a look-up that a revocation overtook is not
        joined, because it may have read what was true before.
        """
        flight = f"{self._generation}:{name}"
        task = self._looking_up.get(flight)
        if task is None:
            task = asyncio.create_task(self._load(name, credential_id))
            self._looking_up[flight] = task
            task.add_done_callback(lambda _: self._looking_up.pop(flight, None))
        # Shielded: a caller that hangs up does not take the answer from the others.
        return await asyncio.shield(task)

    async def _load(self, name: str, credential_id: LoginId | str) -> _Known | None:
        generation = self._generation
        async with self._database.system(SystemSite.CREDENTIAL_LOOKUP) as session:
            repository = CredentialRepository(session)
            if isinstance(credential_id, str):
                known = await self._load_key(repository, credential_id)
            else:
                known = await self._load_login(repository, credential_id)
        if known is not None and generation == self._generation:
            self._keep(name, known)
        return known

    def _keep(self, name: str, known: _Known) -> None:
        self._known[name] = known
        self._known.move_to_end(name)
        self._names_of.setdefault(known.principal.user_id, set()).add(name)
        while len(self._known) > _CACHE_ENTRIES:
            oldest, gone = self._known.popitem(last=False)
            names = self._names_of.get(gone.principal.user_id)
            if names is not None:
                names.discard(oldest)
                if not names:
                    del self._names_of[gone.principal.user_id]

    async def _load_login(self, repository: CredentialRepository, login_id: LoginId) -> _Known | None:
        found = await repository.login(login_id)
        if found is None or found[0].revoked_at is not None:
            return None
        principal = _principal(found[1], Method.JWT, login_id=login_id)
        return _Known(principal, b"", "", None, time.monotonic())

    async def _load_key(self, repository: CredentialRepository, key_id: str) -> _Known | None:
        found = await repository.api_key(key_id)
        if found is None or found[0].revoked_at is not None:
            return None
        key, user = found
        principal = _principal(
            user,
            Method.API_KEY,
            api_key_id=ApiKeyId(key.id),
            key_mode=KeyMode(key.mode),
            scopes=frozenset(Scope(scope) for scope in key.scopes),
        )
        return _Known(principal, key.digest, key.digest_key_id, key.expires_at, time.monotonic())


def _principal(
    user: User,
    method: Method,
    *,
    login_id: LoginId | None = None,
    api_key_id: ApiKeyId | None = None,
    key_mode: KeyMode | None = None,
    scopes: frozenset[Scope] = frozenset(),
) -> Principal:
    if user.disabled_at is not None:
        raise disabled()
    return Principal(
        user_id=UserId(user.id),
        role=Role(user.role),
        tier=Tier(user.tier),
        limits=user.limits,
        method=method,
        login_id=login_id,
        api_key_id=api_key_id,
        key_mode=key_mode,
        scopes=scopes,
    )
