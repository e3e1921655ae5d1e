"""The credential store: the library's own tables, a fence around them, nothing shared between sessions."""

import asyncio
import stat
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from control_plane.db import migrations
from shared.ids import Epoch, SessionId, new_uuid
from shared.redaction import Secret
from worker.whatsapp.stores import PostgresStore, SqliteStore

DEVICE = (
    "INSERT INTO whatsmeow_device VALUES"
    " ($1, NULL, NULL, 1, $2, $2, $2, 1, $3, ''::bytea, ''::bytea, $3, $2, $3)"
)
KEY, SIGNATURE = b"k" * 32, b"s" * 64


async def prepare(url: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "worker",
        "prepare-store",
        env={"WAYPOST_STORE_URL": url, "PATH": "/usr/bin:/bin"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


@pytest.fixture
async def store_url(empty_database_url: str) -> str:
    await migrations.migrate(empty_database_url)
    code, output = await prepare(empty_database_url)
    assert code == 0, output
    return empty_database_url


class Fence:
    """What the control plane does to it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session_id = SessionId(new_uuid())

    async def run(self, statement: str, *arguments: object) -> object:
        connection = await asyncpg.connect(self.url)
        try:
            return await connection.fetchval(statement, *arguments)
        finally:
            await connection.close()

    async def raise_to(self, epoch: int) -> None:
        await self.run(
            "INSERT INTO whatsapp_store.fences (session_id, epoch) VALUES ($1, $2)"
            " ON CONFLICT (session_id) DO UPDATE SET epoch = $2",
            str(self.session_id),
            epoch,
        )

    async def writer(self, epoch: int) -> asyncpg.Connection:
        """A connection with the very settings that the library's own pool gets from its address."""
        address = PostgresStore(Secret(self.url)).address(self.session_id, Epoch(epoch))
        given = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        # These the library's driver takes for itself.
        own = {"sslmode", "binary_parameters", "options"}
        settings = {n: v for n, v in given.items() if n not in own}
        for option in given["options"].split("-c ")[1:]:
            name, _, value = option.strip().partition("=")
            settings[name] = value
        return await asyncpg.connect(self.url, server_settings=settings)

    async def refusals(self) -> int:
        called = await self.run(
            "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM whatsapp_store.fence_refusals"
        )
        assert isinstance(called, int)
        return called


@pytest.fixture
async def fence(store_url: str) -> Fence:
    return Fence(store_url)


async def test_preparing_twice_changes_nothing(store_url: str):
    code, output = await prepare(store_url)
    assert (code, "0 tables" in output) == (0, True)


async def test_preparing_before_the_migrations_says_what_to_do(empty_database_url: str):
    code, output = await prepare(empty_database_url)
    assert code == 1
    assert "migrate" in output
    assert "Traceback" not in output


async def test_every_table_of_the_library_has_a_fence(fence: Fence):
    unfenced = await fence.run(
        "SELECT array_agg(c.relname::text) FROM pg_class c"
        " WHERE c.relnamespace = 'whatsapp_store'::regnamespace"
        " AND c.relname LIKE 'whatsmeow%' AND c.relkind = 'r'"
        " AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'fence')"
    )
    assert unfenced == ["whatsmeow_version"]


async def test_the_owner_of_the_epoch_writes_and_an_older_one_does_not(fence: Fence):
    await fence.raise_to(1)
    old = await fence.writer(1)
    await old.execute(DEVICE, "1:1@s.whatsapp.net", KEY, SIGNATURE)
    await fence.raise_to(2)
    for statement in (
        "UPDATE whatsmeow_device SET push_name = 'stale'",
        "DELETE FROM whatsmeow_device",
        "INSERT INTO whatsmeow_lid_map VALUES ('1', '2')",
    ):
        with pytest.raises(asyncpg.PostgresError, match="does not own the session") as caught:
            await old.execute(statement)
        assert caught.value.sqlstate == "WP001"
    new = await fence.writer(2)
    assert await new.fetchval("SELECT push_name FROM whatsmeow_device") == ""
    await new.execute("UPDATE whatsmeow_device SET push_name = 'owner'")
    assert await fence.refusals() == 3
    await old.close()
    await new.close()


async def test_a_writer_that_says_nothing_or_lies_is_refused(fence: Fence):
    await fence.raise_to(5)
    for epoch in (4, 6):
        writer = await fence.writer(epoch)
        with pytest.raises(asyncpg.PostgresError, match="does not own"):
            await writer.execute("DELETE FROM whatsmeow_device")
        await writer.execute("RESET waypost.session_id")
        await writer.execute("SET waypost.session_id = ''")
        with pytest.raises(asyncpg.PostgresError, match="does not own"):
            await writer.execute("DELETE FROM whatsmeow_device")
        await writer.close()


async def test_a_take_over_waits_for_a_commit_and_never_slips_in_before_it(fence: Fence):
    await fence.raise_to(1)
    old = await fence.writer(1)
    transaction = old.transaction()
    await transaction.start()
    await old.execute(DEVICE, "1:1@s.whatsapp.net", KEY, SIGNATURE)
    take_over = asyncio.create_task(fence.raise_to(2))
    done, _ = await asyncio.wait({take_over}, timeout=0.3)
    assert not done
    await transaction.commit()
    async with asyncio.timeout(10):
        await take_over
    with pytest.raises(asyncpg.PostgresError):
        await old.execute("DELETE FROM whatsmeow_device")
    await old.close()


async def test_engines_may_neither_make_tables_nor_touch_the_fence(fence: Fence):
    await fence.raise_to(1)
    writer = await fence.writer(1)
    for statement in (
        "CREATE TABLE whatsapp_store.mine (id int)",
        "DROP TABLE whatsmeow_device",
        "ALTER TABLE whatsmeow_device DISABLE TRIGGER fence",
        "UPDATE whatsapp_store.fences SET epoch = 9",
        "UPDATE whatsmeow_version SET version = 0",
        "SELECT * FROM public.users",
    ):
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedTableError)):
            await writer.execute(statement)
    await writer.close()


async def test_an_idle_connection_is_ended_by_the_server(fence: Fence):
    await fence.raise_to(1)
    writer = await fence.writer(1)
    assert await writer.fetchval("SHOW idle_session_timeout") == "1min"
    assert await writer.fetchval("SHOW idle_in_transaction_session_timeout") == "5s"
    assert await writer.fetchval("SELECT current_user") == "waypost_engine"
    await writer.close()


async def test_credentials_are_not_dropped_by_a_downgrade(fence: Fence):
    await fence.raise_to(1)
    writer = await fence.writer(1)
    await writer.execute(DEVICE, "1:1@s.whatsapp.net", KEY, SIGNATURE)
    await writer.close()
    with pytest.raises(Exception, match="paired devices"):
        await migrations.migrate(fence.url, "20261121_0800")
    assert await fence.run("SELECT count(*) FROM whatsapp_store.whatsmeow_device") == 1


@pytest.mark.parametrize(
    ("url", "sslmode"),
    [
        ("postgresql://u:p%40w@127.0.0.1:5432/db", ["disable"]),
        ("postgresql://u:p@db.example.com/db", None),
        ("postgresql://u:p@db.example.com/db?sslmode=verify-full", ["verify-full"]),
    ],
)
def test_an_address_says_whose_writer_it_is(url: str, sslmode: list[str] | None):
    session_id = SessionId(new_uuid())
    address = urlsplit(PostgresStore(Secret(url)).address(session_id, Epoch(7)))
    query = parse_qs(address.query)
    assert query["options"] == [f"-c waypost.session_id={session_id} -c waypost.epoch=7"]
    assert query.get("sslmode") == sslmode
    assert "+" not in address.query
    assert address.netloc == urlsplit(url).netloc


def test_each_sqlite_session_has_a_private_folder_of_its_own(tmp_path: Path):
    store = SqliteStore(tmp_path / "stores")
    one, other = SessionId(new_uuid()), SessionId(new_uuid())
    paths = [Path(store.address(session_id, Epoch(1))) for session_id in (one, other)]
    assert paths[0].parent != paths[1].parent
    for path in paths:
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert path.is_relative_to(tmp_path / "stores")
    paths[0].parent.chmod(0o777)
    store.address(one, Epoch(2))
    assert stat.S_IMODE(paths[0].parent.stat().st_mode) == 0o700
