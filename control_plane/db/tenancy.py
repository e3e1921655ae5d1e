"""Statements that are born scoped: a tenant's repository can only speak of its own tenant's rows."""

from typing import Any, TypeVar

from sqlalchemy import Delete, Select, Update, delete, select, update
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.db.base import Base
from shared.ids import UserId

Model = TypeVar("Model", bound=Base)


class TenantRepository:
    """Base of the repositories of one tenant; `make check` refuses a bare statement inside of them.

    Row-level security would hide foreign rows all the same. Both stand, so that a fault in one is not a leak.
    """

    def __init__(self, session: AsyncSession) -> None:
        tenant = session.info.get("tenant")
        if tenant is None:
            raise LookupError(f"{type(self).__name__} needs a tenant's session")
        self.session = session
        self.tenant: UserId = tenant

    def select(self, model: type[Model]) -> Select[Model]:
        return select(model).where(_owner(model) == self.tenant)

    def select_columns(self, model: type[Base], *columns: Any) -> Select[Any]:
        return select(*columns).where(_owner(model) == self.tenant)

    def update(self, model: type[Base]) -> Update:
        return update(model).where(_owner(model) == self.tenant)

    def delete(self, model: type[Base]) -> Delete:
        return delete(model).where(_owner(model) == self.tenant)

    def insert(self, model: type[Base], **values: Any) -> PostgresInsert:
        return postgres_insert(model).values(user_id=self.tenant, **values)


class SystemRepository:
    """Base of the repositories that may see every tenant; they need a session of a listed site."""

    def __init__(self, session: AsyncSession) -> None:
        if "site" not in session.info:
            raise LookupError(f"{type(self).__name__} needs a system session")
        self.session = session


def _owner(model: type[Base]) -> Any:
    """The column that holds the tenant: the account's own id on the table of accounts."""
    table: Any = model
    return table.id if model.__tablename__ == "users" else table.user_id
