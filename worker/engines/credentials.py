"""A look at a session's credentials from outside of the engine: are they there, and away with them."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Protocol

import asyncpg

from worker.engines.session_spec import SessionSpec
from worker.whatsapp.stores import ENGINE_ROLE, STORE_SCHEMA, PostgresStore, SqliteStore

_PATIENCE = 10.0
_FIND = "SELECT 1 FROM whatsmeow_device WHERE jid = "


class Credentials(Protocol):
    async def has(self, spec: SessionSpec) -> bool:
        """Asked before each start: the library ends its whole process over a device that is not there."""

    async def forget(self, spec: SessionSpec) -> None:
        """After a log-out, where the library may not have come to it."""


class StoredCredentials:
    """In the store that each session names. OSError when the store cannot be reached."""

    async def has(self, spec: SessionSpec) -> bool:
        if isinstance(spec.store, PostgresStore):
            return await self._ask(spec, spec.store, f"{_FIND}$1") is not None
        if isinstance(spec.store, SqliteStore):
            try:
                return await asyncio.to_thread(_has_row, spec)
            except sqlite3.Error as error:
                raise OSError(f"the session's file cannot be read: {error}") from error
        raise TypeError(f"a store of the unknown kind {type(spec.store).__name__}")

    async def forget(self, spec: SessionSpec) -> None:
        if isinstance(spec.store, PostgresStore):
            # Its keys and sessions go with it.
            await self._ask(spec, spec.store, "DELETE FROM whatsmeow_device WHERE jid = $1")
        elif isinstance(spec.store, SqliteStore):
            await asyncio.to_thread(shutil.rmtree, spec.store.session_folder(spec.session_id), True)

    async def _ask(self, spec: SessionSpec, store: PostgresStore, statement: str) -> object:
        """As the session's own writer: the fence holds for us as well."""
        settings = {
            "role": ENGINE_ROLE,
            "search_path": STORE_SCHEMA,
            "waypost.session_id": spec.session,
            "waypost.epoch": str(spec.epoch),
        }
        try:
            async with asyncio.timeout(_PATIENCE):
                connection = await asyncpg.connect(store.url.reveal(), server_settings=settings)
                try:
                    return await connection.fetchval(statement, spec.device_jid)
                finally:
                    await connection.close()
        except (asyncpg.PostgresError, TimeoutError) as error:
            raise OSError(f"the credential store did not answer: {type(error).__name__}") from error


def _has_row(spec: SessionSpec) -> bool:
    if not Path(spec.address).exists():
        return False
    # Not read-only: a process that was killed may have left a log to be worked off first.
    with closing(sqlite3.connect(f"file:{spec.address}?mode=rw", uri=True, timeout=_PATIENCE)) as database:
        return database.execute(f"{_FIND}?", (spec.device_jid,)).fetchone() is not None
