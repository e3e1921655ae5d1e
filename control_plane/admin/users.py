"""What administrators do with accounts."""

import uuid
from datetime import UTC, datetime

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.accounts.models import User
from control_plane.accounts.repository import AdminUserRepository
from control_plane.accounts.sign_in import SignIn
from control_plane.admin.schemas import ChangeUserBody, CreateUserBody
from control_plane.errors import AppError, Code, not_found
from control_plane.http.principal import Role
from control_plane.tiers.limits import LimitOverrides

log = structlog.get_logger(__name__)


class UserAdministration:
    """A smaller tier deletes nothing: what stands above the new limit stays, and nothing new is allowed."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._repository = AdminUserRepository(session)

    async def user(self, user_id: uuid.UUID) -> User:
        user = await self._repository.user(user_id)
        if user is None:
            raise not_found("user")
        return user

    async def page(self, query: str, after: tuple[datetime, uuid.UUID] | None, limit: int) -> list[User]:
        return await self._repository.users(query, after, limit)

    async def create(self, body: CreateUserBody, sign_in: SignIn) -> User:
        user = await sign_in.create_user(self._session, body.email, body.password, body.name, body.role)
        user.tier = body.tier
        await self._session.flush()
        return user

    async def change(self, user_id: uuid.UUID, body: ChangeUserBody) -> User:
        if body.role is Role.USER or body.disabled is True:
            await self._keep_one_admin(user_id)
        user = await self._repository.user(user_id, lock=True)
        if user is None:
            raise not_found("user")
        if body.name is not msgspec.UNSET:
            user.name = body.name
        if body.role is not msgspec.UNSET:
            user.role = body.role
        if body.tier is not msgspec.UNSET:
            user.tier = body.tier
        if body.limit_overrides is not msgspec.UNSET:
            user.limit_overrides = _checked(body.limit_overrides)
        if body.disabled is True and user.disabled_at is None:
            user.disabled_at = datetime.now(UTC)
            await self._repository.revoke_logins(user_id, "account_disabled")
        elif body.disabled is False:
            user.disabled_at = None
        await self._session.flush()
        log.info("user_changed", user_id=str(user_id), fields=sorted(msgspec.to_builtins(body)))
        return user

    async def delete(self, user_id: uuid.UUID) -> None:
        await self._keep_one_admin(user_id)
        if await self._repository.user(user_id, lock=True) is None:
            raise not_found("user")
        await self._repository.remove(user_id)
        log.info("user_deleted", user_id=str(user_id))

    async def _keep_one_admin(self, user_id: uuid.UUID) -> None:
        if await self._repository.lock_active_admins() == {user_id}:
            raise AppError(Code.LAST_ADMIN, "This is the last active administrator. Make another one before.")


def _checked(overrides: LimitOverrides) -> dict[str, int]:
    values: dict[str, int | None] = msgspec.to_builtins(overrides)
    for name, value in values.items():
        if value is not None and not (1 if name == "requestsPerMinute" else 0) <= value <= 1_000_000_000:
            raise AppError(
                Code.VALIDATION_FAILED,
                f"limitOverrides.{name} must be a number from 0 (requestsPerMinute: 1) to 1,000,000,000.",
                errors=[{"pointer": f"/limitOverrides/{name}", "detail": "is out of range"}],
            )
    return {name: value for name, value in values.items() if value is not None}
