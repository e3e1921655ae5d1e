"""The SQL of accounts: the tenant's own statements, and the few that must look across tenants."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, extract, func, or_, select, tuple_, update

from control_plane.accounts.models import ApiKey, Login, PasswordReset, RefreshToken, User
from control_plane.db.tenancy import SystemRepository, TenantRepository
from control_plane.http.principal import Role
from shared.ids import UserId


class AccountRepository(TenantRepository):
    """What an account may do with itself."""

    async def user(self, *, lock: bool = False) -> User | None:
        statement = self.select(User).execution_options(populate_existing=True)
        found: User | None = await self.session.scalar(statement.with_for_update() if lock else statement)
        return found

    async def remove(self) -> None:
        await self.session.execute(self.delete(User))

    async def replace_hash(self, old_hash: str, new_hash: str) -> bool:
        """Guarded by the hash that was verified, so that two changes at once are not both accepted."""
        statement = self.update(User).where(User.password_hash == old_hash).values(password_hash=new_hash)
        result: Any = await self.session.execute(statement)
        return bool(result.rowcount)

    async def revoke_logins(self, reason: str) -> None:
        statement = self.update(Login).where(Login.revoked_at.is_(None))
        await self.session.execute(statement.values(**_ended(reason)))

    async def revoke_login(self, login_id: uuid.UUID, reason: str) -> None:
        statement = self.update(Login).where(Login.id == login_id, Login.revoked_at.is_(None))
        await self.session.execute(statement.values(**_ended(reason)))

    async def api_keys(self, after: tuple[datetime, uuid.UUID] | None, limit: int) -> list[ApiKey]:
        statement = self.select(ApiKey).where(ApiKey.revoked_at.is_(None))
        if after is not None:
            statement = statement.where(tuple_(ApiKey.created_at, ApiKey.id) < after)
        statement = statement.order_by(ApiKey.created_at.desc(), ApiKey.id.desc()).limit(limit)
        return list(await self.session.scalars(statement))

    async def revoke_api_key(self, key_id: uuid.UUID) -> bool:
        statement = self.update(ApiKey).where(ApiKey.id == key_id, ApiKey.revoked_at.is_(None))
        result: Any = await self.session.execute(statement.values(revoked_at=func.clock_timestamp()))
        return bool(result.rowcount)


class LoginRevocation(SystemRepository):
    async def revoke_login(self, login_id: uuid.UUID, reason: str) -> None:
        await self._revoke(Login.id == login_id, reason)

    async def revoke_logins(self, user_id: uuid.UUID, reason: str) -> None:
        await self._revoke(Login.user_id == user_id, reason)

    async def _revoke(self, which: ColumnElement[bool], reason: str) -> None:
        statement = update(Login).where(which, Login.revoked_at.is_(None))
        await self.session.execute(statement.values(**_ended(reason)))


class SignInRepository(LoginRevocation):
    """Before somebody is known, there is no tenant to scope by."""

    async def user_by_email(self, email: str) -> User | None:
        found: User | None = await self.session.scalar(select(User).where(User.email == email))
        return found

    async def user(self, user_id: UserId) -> User | None:
        return await self.session.get(User, user_id)

    async def replace_hash(self, user: User, new_hash: str) -> None:
        # Guarded by the old hash: a password that was changed meanwhile is not put back.
        await self.session.execute(
            update(User)
            .where(User.id == user.id, User.password_hash == user.password_hash)
            .values(password_hash=new_hash)
        )

    async def rotate(self, digests: Sequence[bytes]) -> RefreshToken | None:
        """Takes the token out of use; of many parallel requests exactly one gets it."""
        rotated: RefreshToken | None = await self.session.scalar(
            update(RefreshToken)
            .where(
                RefreshToken.digest.in_(digests),
                RefreshToken.rotated_at.is_(None),
                RefreshToken.expires_at > func.clock_timestamp(),
                RefreshToken.login_id.in_(select(Login.id).where(Login.revoked_at.is_(None))),
            )
            .values(rotated_at=func.clock_timestamp())
            .returning(RefreshToken)
        )
        return rotated

    async def presented(self, digests: Sequence[bytes]) -> tuple[RefreshToken, Login, float | None] | None:
        """A known token that could not be rotated, its login, and the seconds since its rotation."""
        age: Any = extract("epoch", func.clock_timestamp() - RefreshToken.rotated_at)
        statement = (
            select(RefreshToken, Login, age)
            .join(Login, Login.id == RefreshToken.login_id)
            .where(RefreshToken.digest.in_(digests))
        )
        row = (await self.session.execute(statement)).one_or_none()
        if row is None:
            return None
        token, login, seconds = row
        return token, login, None if seconds is None else float(seconds)

    async def login_refreshed(self, login_id: uuid.UUID, lifetime: timedelta) -> None:
        now = func.clock_timestamp()
        await self.session.execute(
            update(Login).where(Login.id == login_id).values(last_refreshed_at=now, expires_at=now + lifetime)
        )

    async def use_reset(self, digests: Sequence[bytes]) -> UserId | None:
        user_id: uuid.UUID | None = await self.session.scalar(
            update(PasswordReset)
            .where(
                PasswordReset.digest.in_(digests),
                PasswordReset.used_at.is_(None),
                PasswordReset.expires_at > func.clock_timestamp(),
            )
            .values(used_at=func.clock_timestamp())
            .returning(PasswordReset.user_id)
        )
        return None if user_id is None else UserId(user_id)

    async def drop_resets(self, user_id: UserId) -> None:
        await self.session.execute(
            delete(PasswordReset).where(PasswordReset.user_id == user_id, PasswordReset.used_at.is_(None))
        )


class CredentialRepository(SystemRepository):
    """Look-ups that stand on the path of every request whose answer is not cached."""

    async def login(self, login_id: uuid.UUID) -> tuple[Login, User] | None:
        statement = select(Login, User).join(User, User.id == Login.user_id).where(Login.id == login_id)
        row = (await self.session.execute(statement)).one_or_none()
        return None if row is None else (row[0], row[1])

    async def api_key(self, key_id: str) -> tuple[ApiKey, User] | None:
        statement = select(ApiKey, User).join(User, User.id == ApiKey.user_id).where(ApiKey.key_id == key_id)
        row = (await self.session.execute(statement)).one_or_none()
        return None if row is None else (row[0], row[1])

    async def mark_used(self, used: Mapping[uuid.UUID, datetime]) -> None:
        """Never backwards: replicas write in any order."""
        table: Any = ApiKey.__table__
        statement = (
            update(table)
            .where(
                table.c.id == bindparam("key"),
                or_(table.c.last_used_at.is_(None), table.c.last_used_at < bindparam("used_at")),
            )
            .values(last_used_at=bindparam("used_at"))
        )
        connection = await self.session.connection()
        await connection.execute(statement, [{"key": key, "used_at": moment} for key, moment in used.items()])


class AdminUserRepository(LoginRevocation):
    async def user(self, user_id: uuid.UUID, *, lock: bool = False) -> User | None:
        statement = select(User).where(User.id == user_id)
        found: User | None = await self.session.scalar(statement.with_for_update() if lock else statement)
        return found

    async def users(self, query: str, after: tuple[datetime, uuid.UUID] | None, limit: int) -> list[User]:
        statement = select(User)
        if query:
            statement = statement.where(
                or_(User.email.icontains(query, autoescape=True), User.name.icontains(query, autoescape=True))
            )
        if after is not None:
            statement = statement.where(tuple_(User.created_at, User.id) < after)
        statement = statement.order_by(User.created_at.desc(), User.id.desc()).limit(limit)
        return list(await self.session.scalars(statement))

    async def remove(self, user_id: uuid.UUID) -> None:
        await self.session.execute(delete(User).where(User.id == user_id))

    async def lock_active_admins(self) -> set[uuid.UUID]:
        """In one order for all, so that two admins who demote each other meet here and not in a deadlock."""
        statement = (
            select(User.id)
            .where(User.role == Role.ADMIN, User.disabled_at.is_(None))
            .order_by(User.id)
            .with_for_update()
        )
        return set(await self.session.scalars(statement))


class ExpiryRepository(SystemRepository):
    """What is past its time and may go."""

    async def purge(self) -> int:
        now = func.statement_timestamp()
        week = timedelta(days=7)
        done = 0
        for statement in (
            delete(PasswordReset).where(PasswordReset.expires_at < now - timedelta(days=1)),
            delete(RefreshToken).where(RefreshToken.expires_at < now),
            # Kept for a week after their end, so that a late reuse is still recognised as one.
            delete(Login).where(or_(Login.expires_at < now - week, Login.revoked_at < now - week)),
        ):
            result: Any = await self.session.execute(statement)
            done += result.rowcount
        return done


def _ended(reason: str) -> dict[str, Any]:
    return {"revoked_at": func.clock_timestamp(), "revoked_reason": reason}
