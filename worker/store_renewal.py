"""The lease, renewed at the database itself while no control plane answers."""

import asyncio
import logging

import asyncpg

from worker.whatsapp.stores import ENGINE_ROLE, PostgresStore, Store

log = logging.getLogger(__name__)

_PATIENCE = 4.0
_RENEW = "SELECT * FROM whatsapp_store.renew_lease($1, $2)"
# The database knows that the control plane runs, or that another incarnation took over.
_REFUSED = "WP002"


class StoreRenewal:
    def __init__(self, store: Store, worker_id: str) -> None:
        self._store = store
        self._worker_id = worker_id

    async def renew(self, incarnation: int) -> frozenset[tuple[str, int]] | None:
        """The sessions that are still this worker's, with their epochs; None when it was not renewed."""
        if not isinstance(self._store, PostgresStore):
            return None
        try:
            async with asyncio.timeout(_PATIENCE):
                rows = await self._ask(self._store, incarnation)
        except asyncpg.PostgresError as error:
            told = str(error) if error.sqlstate == _REFUSED else f"{type(error).__name__} {error.sqlstate}"
            log.warning("lease_not_renewed_at_the_store", extra={"fields": {"reason": told}})
            return None
        except (OSError, TimeoutError, asyncpg.InterfaceError) as error:
            reason = type(error).__name__
            log.warning("lease_not_renewed_at_the_store", extra={"fields": {"reason": reason}})
            return None
        log.warning("lease_renewed_at_the_store: the control plane does not answer")
        return frozenset((str(row["session_id"]), int(row["epoch"])) for row in rows)

    async def _ask(self, store: PostgresStore, incarnation: int) -> list[asyncpg.Record]:
        settings = {"role": ENGINE_ROLE, "application_name": f"waypost-renewal:{self._worker_id}"}
        connection = await asyncpg.connect(store.url.reveal(), server_settings=settings)
        try:
            rows: list[asyncpg.Record] = await connection.fetch(_RENEW, self._worker_id, incarnation)
            return rows
        finally:
            await connection.close()
