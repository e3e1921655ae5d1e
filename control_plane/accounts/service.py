"""What an account does with itself and its keys."""

import uuid
from datetime import UTC, datetime

import msgspec
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.accounts import api_keys
from control_plane.accounts.emails import normalise_email
from control_plane.accounts.models import ApiKey, User
from control_plane.accounts.passwords import PasswordHasher, check_password
from control_plane.accounts.repository import AccountRepository
from control_plane.accounts.schemas import (
    ChangePasswordBody,
    CreateApiKeyBody,
    CreatedApiKey,
    SignedIn,
    UpdateProfileBody,
    UsageView,
)
from control_plane.accounts.sign_in import SignIn, email_taken
from control_plane.errors import AppError, Code, not_found
from control_plane.http.principal import Principal, Scope
from control_plane.keyring import Keyring
from control_plane.tiers.limits import Tier
from control_plane.tiers.service import Quotas, Resource
from shared.ids import new_uuid


class Account:
    """The account of the session's tenant."""

    def __init__(self, session: AsyncSession, hasher: PasswordHasher) -> None:
        self._session = session
        self._repository = AccountRepository(session)
        self._hasher = hasher

    async def profile(self) -> User:
        user = await self._repository.user()
        if user is None:
            raise not_found("account")
        return user

    async def update(self, body: UpdateProfileBody) -> User:
        user = await self.profile()
        if body.email is not msgspec.UNSET:
            email = normalise_email(body.email)
            if email != user.email:
                password = "" if body.current_password is msgspec.UNSET else body.current_password
                user = await self._confirmed(password, "/currentPassword")
                user.email = email
        if body.name is not msgspec.UNSET:
            user.name = body.name.strip() or user.email
        try:
            await self._session.flush()
        except IntegrityError:
            raise email_taken() from None
        return user

    async def change_password(self, body: ChangePasswordBody, sign_in: SignIn, user_agent: str) -> SignedIn:
        """Ends every login, this one too; the answer holds a new one."""
        user = await self._confirmed(body.current_password, "/currentPassword")
        check_password(body.new_password, user.email)
        await self._session.commit()  # nothing was changed yet: this only gives the connection back
        new_hash = await self._hasher.hash(body.new_password)
        if not await self._repository.replace_hash(user.password_hash, new_hash):
            raise _wrong_password("/currentPassword")  # another request has just changed it
        await self._repository.revoke_logins("password_changed")
        return sign_in.signed_in(self._session, user, user_agent)

    async def log_out(self, login_id: uuid.UUID) -> None:
        await self._repository.revoke_login(login_id, "logged_out")

    async def delete(self, password: str) -> None:
        await self._confirmed(password, "/password")
        await self._repository.remove()

    async def _confirmed(self, password: str, pointer: str) -> User:
        """Nothing is held while a thread hashes; afterwards the account is read anew."""
        verified = (await self.profile()).password_hash
        await self._session.commit()
        right, _ = await self._hasher.verify(password, verified)
        user = await self._repository.user(lock=True)
        if not right or user is None or user.password_hash != verified:
            raise _wrong_password(pointer)
        return user


async def usage(session: AsyncSession, principal: Principal) -> UsageView:
    used = await Quotas(session).usage(principal.limits)
    return UsageView(tier=Tier(principal.tier), limits=principal.limits, usage=used)


class ApiKeys:
    """The keys of the session's tenant."""

    def __init__(self, session: AsyncSession, keyring: Keyring) -> None:
        self._session = session
        self._repository = AccountRepository(session)
        self._keyring = keyring

    async def create(self, principal: Principal, body: CreateApiKeyBody) -> CreatedApiKey:
        expires_at = _checked_expiry(body.expires_at)
        await Quotas(self._session).reserve(Resource.API_KEYS, principal.limits)
        whole, parsed = api_keys.generate(body.mode)
        digest, digest_key_id = api_keys.digest(self._keyring, parsed)
        key = ApiKey(
            id=new_uuid(),
            user_id=principal.user_id,
            key_id=parsed.key_id,
            name=body.name,
            mode=body.mode,
            scopes=sorted(set(Scope if body.scopes is None else body.scopes)),
            digest=digest,
            digest_key_id=digest_key_id,
            expires_at=expires_at,
        )
        self._session.add(key)
        await self._session.flush()
        return CreatedApiKey.with_key(key, whole)

    async def page(self, after: tuple[datetime, uuid.UUID] | None, limit: int) -> list[ApiKey]:
        return await self._repository.api_keys(after, limit)

    async def revoke(self, key_id: uuid.UUID) -> None:
        if not await self._repository.revoke_api_key(key_id):
            raise not_found("API key")
        await Quotas(self._session).release(Resource.API_KEYS)


def _checked_expiry(expires_at: datetime | None) -> datetime | None:
    if expires_at is None:
        return None
    problem = None
    if expires_at.tzinfo is None:
        problem = "must say its time zone, like 2030-01-31T00:00:00Z"
    elif expires_at <= datetime.now(UTC):
        problem = "must lie in the future"
    if problem:
        raise AppError(
            Code.VALIDATION_FAILED,
            f"expiresAt {problem}.",
            errors=[{"pointer": "/expiresAt", "detail": problem}],
        )
    return expires_at


def _wrong_password(pointer: str) -> AppError:
    # 422 and not 401: the request was authenticated, and a client must not throw its tokens away.
    return AppError(
        Code.VALIDATION_FAILED,
        "The current password is wrong.",
        errors=[{"pointer": pointer, "detail": "is wrong"}],
    )
