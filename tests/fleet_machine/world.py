"""What all examples of one run stand on: an event loop, a database, two accounts and a clock."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from unittest.mock import patch

import asyncpg

from control_plane.db.engine import Database
from control_plane.http.principal import Method, Principal, Role
from control_plane.keyring import Keyring
from control_plane.settings import Settings
from control_plane.supervision import own_session
from control_plane.tiers.limits import LIMITS, Tier
from shared.ids import UserId, new_uuid
from tests import run_folder
from tests.conftest import MASTER_KEY, TEMPLATE
from tests.databases import own_database
from tests.fleet_machine.snapshot import Snapshot, read

Result = TypeVar("Result")

# So long that the real time of an example is nothing beside it.
LEASE, BRAKE = 3600.0, 4 * 3600.0
# Of the lease; engines end at four of them, and three missed beats are silence.
TICK = LEASE / 5
SILENCE = 3 * TICK

# The library's own tables need the library; the fence asks only for the name.
_STORE = """
    CREATE TABLE whatsapp_store.whatsmeow_machine (session text PRIMARY KEY, writes bigint NOT NULL);
    SELECT whatsapp_store.attach_fences();
"""
_WRITE = """
    INSERT INTO whatsapp_store.whatsmeow_machine VALUES ($1, 1)
    ON CONFLICT (session) DO UPDATE SET writes = whatsmeow_machine.writes + 1
"""
_AGE = """
    UPDATE workers SET lease_until = lease_until - $1::interval, heartbeat_at = heartbeat_at - $1::interval,
        retired_at = retired_at - $1::interval;
    UPDATE sessions SET status_at = status_at - $1::interval, assigned_at = assigned_at - $1::interval,
        start_after = start_after - $1::interval, expiry_told_at = expiry_told_at - $1::interval;
    UPDATE pairings SET qr_expires_at = qr_expires_at - $1::interval,
        code_expires_at = code_expires_at - $1::interval;
"""
_STRETCH = f"""
    UPDATE sessions SET start_after = clock_timestamp() + interval '{TICK / 2} seconds'
    WHERE start_after > clock_timestamp() AND start_after < clock_timestamp() + interval '1 minute'
"""
_EMPTY = """
    DELETE FROM sessions; DELETE FROM workers; DELETE FROM events; DELETE FROM spools;
    DELETE FROM fleet_events; DELETE FROM repairs; DELETE FROM quota_usage;
    DELETE FROM whatsapp_store.fences; DELETE FROM whatsapp_store.whatsmeow_machine;
"""


class World:
    def __init__(self, loop: asyncio.AbstractEventLoop, url: str) -> None:
        environment = {
            "WAYPOST_ENVIRONMENT": "development",
            "WAYPOST_DATABASE_URL": url,
            "WAYPOST_REDIS_URL": run_folder.servers()["redis"],
            "WAYPOST_MASTER_KEY": MASTER_KEY,
            "WAYPOST_DATABASE_POOL": "4",
        }
        settings = Settings.from_environment(environment)
        self._loop = loop
        self._url = url
        self.database = Database(settings, "fleet-machine")
        self.keyring = Keyring(settings.master_keys)
        self.accounts = [_principal(3), _principal(2)]
        # Time as the simulated workers count it.
        self.time = 0.0
        self.steps = self.examples = 0

    def do(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self._loop.run_until_complete(work)

    async def open(self) -> None:
        self._reader = await asyncpg.connect(self._url)
        self._writer = await asyncpg.connect(self._url)
        await self._reader.execute(_STORE)
        await self._writer.execute("SET ROLE waypost_engine")
        for number, account in enumerate(self.accounts):
            values = (account.user_id, f"owner-{number}@waypost.example")
            await self._reader.execute(
                "INSERT INTO users (id, email, name, password_hash, role, tier)"
                " VALUES ($1, $2, 'An Owner', '', 'user', 'MAX')",
                *values,
            )

    async def close(self) -> None:
        await self.database.close()
        await self._reader.close()
        await self._writer.close()

    def begin(self) -> None:
        self.time = 0.0
        self.examples += 1
        self.do(self._reader.execute(_EMPTY))

    def seen(self) -> Snapshot:
        return self.do(read(self._reader))

    def change(self, statements: str) -> None:
        self.do(self._reader.execute(statements))

    def fetch(self, query: str, *values: Any) -> list[Any]:
        return list(self.do(self._reader.fetch(query, *values)))

    def passes(self, seconds: float) -> None:
        """The one place where time goes on: what was stamped before becomes so much older."""
        self.time += seconds
        self.change(_AGE.replace("$1", f"'{seconds} seconds'"))

    def stretch_pauses(self) -> None:
        """Seconds are nothing here: a client that its predecessor threw out waits for the next tick."""
        self.change(_STRETCH)

    def writes(self, session: str, epoch: int) -> bool:
        """Whether the store takes a write of this client; it says who it is as its connection would."""

        async def write() -> bool:
            setting = (
                "SELECT set_config('waypost.session_id', $1, false), set_config('waypost.epoch', $2, false)"
            )
            await self._writer.execute("RESET ALL; SET ROLE waypost_engine")
            await self._writer.fetch(setting, session, str(epoch))
            try:
                await self._writer.execute(_WRITE, session)
            except asyncpg.PostgresError as error:
                if error.sqlstate != "WP001":
                    raise
                return False
            return True

        return self.do(write())

    def renews(self, worker_id: str, incarnation: int) -> set[tuple[str, int]] | None:
        """Past the control plane; None where the database refuses."""
        query = "SELECT session_id, epoch FROM whatsapp_store.renew_lease($1, $2)"
        try:
            rows = self.do(self._writer.fetch(query, worker_id, incarnation))
        except asyncpg.PostgresError as error:
            if error.sqlstate != "WP002":
                raise
            return None
        return {(row["session_id"], row["epoch"]) for row in rows}


@contextmanager
def a_world() -> Iterator[World]:
    """Its loop is its own: tests without `async` run outside of everybody's."""
    loop = asyncio.new_event_loop()
    databases = own_database("machine", TEMPLATE)
    try:
        world = World(loop, loop.run_until_complete(databases.__aenter__()))
        try:
            world.do(world.open())
            # Nobody beats while an owner waits: the phone is never unlinked in time.
            with patch.object(own_session, "_UNLINKS_WITHIN", 0.0):
                yield world
        finally:
            world.do(world.close())
            loop.run_until_complete(databases.__aexit__(None, None, None))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def _principal(sessions: int) -> Principal:
    limits = {name: getattr(LIMITS[Tier.MAX], name) for name in LIMITS[Tier.MAX].__struct_fields__}
    return Principal(
        user_id=UserId(new_uuid()),
        role=Role.USER,
        tier=Tier.MAX,
        limits=type(LIMITS[Tier.MAX])(**(limits | {"sessions": sessions})),
        method=Method.JWT,
    )
