"""One request, one transaction, committed before the answer leaves."""

from typing import Any, cast

from litestar import Request
from litestar.di import Provide
from litestar.types import Scope
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.db.engine import Database, SystemSite
from control_plane.http.principal import Principal

_KEY = "waypost_transaction"


class RequestTransaction:
    """Opens a session when a handler first asks for one; a request that asks for none costs no connection."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._session: AsyncSession | None = None
        self._as: object = None
        # Set by an error that has to be recorded although the request is refused.
        self.keep_changes = False

    @property
    def session(self) -> AsyncSession | None:
        return self._session

    def tenant(self, principal: Principal) -> AsyncSession:
        return self._once(principal.user_id, lambda: self._database.tenant_session(principal.user_id))

    def system(self, site: SystemSite) -> AsyncSession:
        return self._once(site, lambda: self._database.system_session(site))

    async def commit(self) -> None:
        if self._session is not None:
            await self._session.commit()

    async def close(self) -> None:
        """Without a commit before it, this rolls back."""
        if self._session is not None:
            await self._session.close()

    def _once(self, who: object, make: Any) -> AsyncSession:
        if self._session is None:
            self._session, self._as = make(), who
        elif self._as != who:
            raise RuntimeError("a request runs in one transaction, as one tenant or one system site")
        return self._session


def begin(scope: Scope, database: Database) -> RequestTransaction:
    transaction = RequestTransaction(database)
    scope["state"][_KEY] = transaction
    return transaction


def of_request(scope: Scope) -> RequestTransaction:
    return cast("RequestTransaction", scope["state"][_KEY])


async def provide_tenant_session(request: Request[Principal, Any, Any]) -> AsyncSession:
    return of_request(request.scope).tenant(request.user)


def system_session(site: SystemSite) -> Provide:
    """For the few controllers that look across tenants."""

    async def provide(request: Request[Any, Any, Any]) -> AsyncSession:
        return of_request(request.scope).system(site)

    return Provide(provide)
