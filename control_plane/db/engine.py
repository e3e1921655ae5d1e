"""Connections to PostgreSQL in the roles `app` and `system`, and the transactions that run on them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any

import asyncpg
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, SessionTransaction

from control_plane.db.direct import Direct
from control_plane.settings import Settings
from shared.ids import UserId

APP_ROLE = "waypost_app"
SYSTEM_ROLE = "waypost_system"
TENANT_SETTING = "waypost.tenant"


class SystemSite(StrEnum):
    """Every place that may see more than one tenant. A test holds this list against the code."""

    REGISTRATION = "registration"
    SIGN_IN = "sign_in"
    TOKEN_REFRESH = "refresh"  # noqa: S105
    PASSWORD_RESET = "reset"  # noqa: S105
    CREDENTIAL_LOOKUP = "credential_lookup"
    LAST_USED = "last_used"
    ADMIN = "admin"
    COMMAND_LINE = "command_line"
    MAIL_LOOP = "mail_loop"
    PERIODIC_WORK = "periodic_work"
    HEALTH = "health"
    EVENT_TAIL = "event_tail"
    WORKERS = "workers"
    INGEST = "ingest"
    SENDING = "sending"
    SANDBOX = "sandbox"
    SUPERVISION = "supervision"
    FILE_REMOVALS = "file_removals"
    ERASING = "erasing"
    WEBHOOKS = "webhooks"


class Database:
    """Two pools, one for each role: a connection of the tenants' pool never sees a foreign row."""

    def __init__(self, settings: Settings, application: str) -> None:
        self.dsn = settings.database_url.reveal()
        # What every session finds in its `info`, beside whose it is.
        self.carried: dict[str, object] = {}
        self._turn = asyncio.Lock()
        self.direct = Direct(self.dsn, _server_settings(APP_ROLE, application), settings.database_pool)
        self._system_direct = Direct(
            self.dsn, _server_settings(SYSTEM_ROLE, application), settings.database_pool
        )
        self._app = self._engine(APP_ROLE, application, settings.database_pool)
        self._system = self._engine(SYSTEM_ROLE, application, settings.database_pool)
        self._app_sessions = async_sessionmaker(self._app, expire_on_commit=False)
        self._system_sessions = async_sessionmaker(self._system, expire_on_commit=False)

    def tenant_session(self, tenant: UserId) -> AsyncSession:
        return self._app_sessions(info={**self.carried, "tenant": tenant})

    def system_session(self, site: SystemSite) -> AsyncSession:
        return self._system_sessions(info={**self.carried, "site": SystemSite(site)})

    @asynccontextmanager
    async def tenant(self, tenant: UserId) -> AsyncIterator[AsyncSession]:
        async with self.tenant_session(tenant) as session, session.begin():
            yield session

    @asynccontextmanager
    async def system(self, site: SystemSite) -> AsyncIterator[AsyncSession]:
        async with self.system_session(site) as session, session.begin():
            yield session

    async def call(self, site: SystemSite, function: str, *arguments: Any) -> asyncpg.Record:
        """A function of the schema, in the system's role."""
        SystemSite(site)
        return await self._system_direct.call(function, *arguments)

    @asynccontextmanager
    async def system_in_turn(self, site: SystemSite) -> AsyncIterator[AsyncSession]:
        """For what takes one lock of the whole fleet: those that wait for it hold no connection meanwhile."""
        async with self._turn, self.system(site) as session:
            yield session

    async def close(self) -> None:
        await self.direct.close()
        await self._system_direct.close()
        await self._app.dispose()
        await self._system.dispose()

    def _engine(self, role: str, application: str, size: int) -> AsyncEngine:
        async def connect() -> asyncpg.Connection:
            return await asyncpg.connect(
                self.dsn,
                timeout=5,
                command_timeout=60,
                server_settings=_server_settings(role, application),
            )

        return create_async_engine(
            "postgresql+asyncpg://",
            async_creator=connect,
            pool_size=size,
            max_overflow=0,
            pool_timeout=5,
            pool_recycle=1800,
        )


def _server_settings(role: str, application: str) -> dict[str, str]:
    return {
        "role": role,
        "application_name": f"{application}:{role}",
        "statement_timeout": "30s",
        "idle_in_transaction_session_timeout": "60s",
        "jit": "off",
    }


@event.listens_for(Session, "after_begin")
def _set_tenant(session: Session, _transaction: SessionTransaction, connection: Any) -> None:
    tenant = session.info.get("tenant")
    if tenant is not None:
        connection.execute(text("SELECT set_config(:name, :tenant, true)"), _tenant_parameters(tenant))


def _tenant_parameters(tenant: UserId) -> dict[str, str]:
    return {"name": TENANT_SETTING, "tenant": str(tenant)}
