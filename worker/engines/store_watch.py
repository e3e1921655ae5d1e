"""Whether the shared credential store answers: a client without it cannot read what it is sent.

The library confirms such messages as unreadable, and after a few tries their sender gives up. Disconnected
clients miss nothing: the network keeps what comes in until they are back.
"""

import asyncio
import logging
from typing import Protocol

import asyncpg

from worker.whatsapp.stores import ENGINE_ROLE, PostgresStore

log = logging.getLogger(__name__)

_LOOK_EVERY, _PATIENCE = 2.0, 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0


class StoreStanding(Protocol):
    """`there` and `away` are never both set."""

    there: asyncio.Event
    away: asyncio.Event


class AlwaysThere:
    """For stores that are files of this machine."""

    def __init__(self) -> None:
        self.there, self.away = asyncio.Event(), asyncio.Event()
        self.there.set()


class StoreWatch(AlwaysThere):
    """One connection, whose end is noticed at once; and a question now and then, for a store that hangs."""

    def __init__(self, store: PostgresStore, look_every: float = _LOOK_EVERY) -> None:
        super().__init__()
        self._store = store
        self._look_every = look_every

    async def run(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            # Once more, before anything is said: a single connection may be ended by anybody.
            try:
                connection = await self._connected()
            except asyncpg.PostgresError as error:
                self._found(there=not isinstance(error, asyncpg.CannotConnectNowError))
            except (OSError, TimeoutError, asyncpg.InterfaceError):
                self._found(there=False)
            else:
                self._found(there=True)
                pause = _FIRST_PAUSE
                await self._until_it_ends(connection)
                continue
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _connected(self) -> asyncpg.Connection:
        settings = {"role": ENGINE_ROLE, "application_name": "waypost-store-watch"}
        async with asyncio.timeout(_PATIENCE):
            return await asyncpg.connect(self._store.url.reveal(), server_settings=settings)

    async def _until_it_ends(self, connection: asyncpg.Connection) -> None:
        ended = asyncio.Event()
        connection.add_termination_listener(lambda _: ended.set())
        try:
            while not ended.is_set():
                try:
                    async with asyncio.timeout(self._look_every):
                        await ended.wait()
                except TimeoutError:
                    await connection.execute("SELECT 1", timeout=_PATIENCE)
        except (asyncpg.PostgresError, OSError, TimeoutError, asyncpg.InterfaceError):
            pass  # whether that was the store or this connection alone, the next connection shows
        finally:
            connection.terminate()

    def _found(self, *, there: bool) -> None:
        if there == self.there.is_set():
            return
        if there:
            log.info("credential_store_is_back: clients start again")
            self.away.clear()
            self.there.set()
        else:
            log.error("credential_store_away: clients are disconnected until it answers")
            self.there.clear()
            self.away.set()
