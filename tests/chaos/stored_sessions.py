"""Paired sessions on the shared store, for runs that start and stop them many times."""

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import asyncpg

from shared.ids import Epoch
from tests.engines.fleet import Fleet
from tests.engines.many_pairings import pair_many
from tests.sandbox.conftest import new_number
from worker.engines.networks import SandboxSettings, sandbox_engines
from worker.engines.session_spec import SessionSpec
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox
from worker.whatsapp.stores import PostgresStore

_RAISE = (
    "INSERT INTO whatsapp_store.fences (session_id, epoch) SELECT unnest($1::text[]), $2"
    " ON CONFLICT (session_id) DO UPDATE SET epoch = $2"
)
# Of the engines' sessions: their names are their sessions' and epochs'.
_CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name ~ '^[0-9a-f-]{36}:[0-9]+$'"


class StoredSessions:
    def __init__(self, store: PostgresStore, specs: Sequence[SessionSpec]) -> None:
        self.specs = list(specs)
        self._url = store.url.reveal()

    @classmethod
    async def paired(
        cls, sandbox: Sandbox, fleet: Fleet, store: PostgresStore, count: int
    ) -> "StoredSessions":
        sessions = cls(store, [fleet.spec(store) for _ in range(count)])
        await sessions.own_from(1)
        settings = SandboxSettings(
            proxy=sandbox.proxy, certificate=sandbox.certificate, root_key=sandbox.root_key.public
        )
        phones = [await sandbox.network.new_phone(new_number()) for _ in range(count)]
        scans = [phone.scan for phone in phones]
        kind = sandbox_engines(os.environ, settings, count)
        sessions.specs = await pair_many(kind, list(zip(sessions.specs, scans, strict=True)))
        return sessions

    async def own_from(self, epoch: int) -> None:
        """As the control plane does before a worker may run them."""
        await self._ask("execute", _RAISE, [spec.session for spec in self.specs], epoch)
        self.specs = [replace(spec, epoch=Epoch(epoch)) for spec in self.specs]

    async def connections(self) -> int:
        count: int = await self._ask("fetchval", _CONNECTIONS)
        return count

    async def _ask(self, how: str, statement: str, *arguments: object) -> Any:
        connection = await asyncpg.connect(self._url)
        try:
            return await getattr(connection, how)(statement, *arguments)
        finally:
            await connection.close()


async def people(sandbox: Sandbox, count: int) -> list[Phone]:
    return [await sandbox.network.new_phone(new_number()) for _ in range(count)]
