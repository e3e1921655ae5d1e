"""The servers that `make run` and these tests stand on, each in a folder of its own."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio

from deploy.local.embedded_server import EmbeddedServer
from deploy.local.errors import ServerError
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.processes import command_line, is_running
from deploy.local.valkey import EmbeddedValkey
from tests import run_folder

ROOT = Path(__file__).parents[2]
KINDS = [EmbeddedPostgres, EmbeddedValkey]

# A parent that starts a server, says so, and waits to be killed.
PARENT = """
import signal, sys
from pathlib import Path
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.valkey import EmbeddedValkey
server = {"postgres": EmbeddedPostgres, "valkey": EmbeddedValkey}[sys.argv[1]](Path(sys.argv[2]))
server.start()
print(server.pid, flush=True)
signal.pause()
"""


@pytest.fixture(params=KINDS, ids=["postgres", "valkey"])
def kind(request: pytest.FixtureRequest) -> type[EmbeddedServer]:
    chosen: type[EmbeddedServer] = request.param
    return chosen


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with any server."""
    with subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]) as process:
        yield process
        process.kill()


@pytest.fixture
def parent(kind: type[EmbeddedServer], tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has a server running in this test's folder."""
    command = [sys.executable, "-c", PARENT, kind.name, str(tmp_path / "data")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., EmbeddedServer]]:
    started: list[EmbeddedServer] = []

    def one(kind: type[EmbeddedServer], folder: Path = tmp_path / "data", **options) -> EmbeddedServer:
        if kind is EmbeddedPostgres:
            options.setdefault("durable", False)
        server = kind(folder, **options)
        started.append(server)
        server.start()
        run_folder.note_secret(_password(server))
        return server

    yield one
    for server in started:
        server.stop()


async def test_it_starts_serves_and_ends(kind, start):
    server = start(kind)
    pid = server.pid
    assert await _serves(server)
    server.stop()
    assert server.pid is None
    assert not is_running(pid)
    assert not await _serves(server)


async def test_it_keeps_its_password_across_starts_and_shows_it_to_nobody(kind, start):
    server = start(kind)
    password = _password(server)
    assert password not in command_line(server.pid)
    holders = [path for path in server.data_dir.rglob("*") if path.is_file() and _holds(path, password)]
    assert [oct(path.stat().st_mode & 0o777) for path in holders] == ["0o600"]
    server.stop()
    assert _password(start(kind)) == password


async def test_a_wrong_password_is_refused(kind, start):
    server = start(kind)
    assert not await _serves(server, _password(server)[::-1] + "x")


async def test_what_was_written_is_there_after_a_kill(start):
    server = start(EmbeddedPostgres, durable=True)
    connection = await asyncpg.connect(server.url)
    await connection.execute("CREATE TABLE kept (value text); INSERT INTO kept VALUES ('ü')")
    with _its_end(server.pid):
        os.kill(server.pid, signal.SIGKILL)
    connection.terminate()
    assert not server.alive()
    url = server.url
    server.start()
    assert server.url == url, "its clients know only the old address"
    connection = await asyncpg.connect(server.url)
    assert await connection.fetchval("SELECT upper(value) FROM kept") == "Ü"
    await connection.close()


async def test_a_server_at_work_is_adopted(kind, start):
    first = start(kind)
    second = start(kind)
    assert (second.pid, second.url) == (first.pid, first.url)
    second.stop()
    assert first.pid is None


async def test_a_killed_parent_leaves_nothing_and_the_next_start_works(kind, start, parent):
    pid = int(parent.stdout.readline())
    assert is_running(pid)
    with _its_end(pid):
        parent.kill()
    server = start(kind)
    assert server.pid != pid
    assert await _serves(server)


@pytest.mark.parametrize(
    ("kind", "pid_file"), [(EmbeddedPostgres, "cluster/postmaster.pid"), (EmbeddedValkey, "valkey.pid")]
)
async def test_a_stale_pid_that_belongs_to_another_process_now(start, stranger, kind, pid_file: str):
    server = start(kind)
    file, own = server.data_dir / pid_file, str(server.pid)
    text = file.read_text()
    server.stop()
    file.write_text(text.replace(own, str(stranger.pid), 1))
    server.start()
    assert server.pid not in {None, stranger.pid}
    assert await _serves(server)
    server.stop()
    assert stranger.poll() is None


async def test_a_stale_pid_of_another_postgres(start, tmp_path: Path):
    other = start(EmbeddedPostgres, tmp_path / "other")
    server = start(EmbeddedPostgres)
    postmaster = server.data_dir / "cluster" / "postmaster.pid"
    text, own = postmaster.read_text(), server.pid
    server.stop()
    postmaster.write_text(text.replace(str(own), str(other.pid), 1))
    server.start()
    assert server.pid not in {None, other.pid}
    assert await _serves(other)


async def test_an_unfinished_database_is_made_anew(start, tmp_path: Path):
    half = tmp_path / "data" / "cluster.unfinished" / "base"
    half.mkdir(parents=True)
    (half.parent / "PG_VERSION").write_text("18\n")
    server = start(EmbeddedPostgres)
    assert await _serves(server)
    assert not half.exists()


@pytest.mark.parametrize("name", ["with blanks and 'quotes\"", "x" * 120], ids=["blanks", "long"])
async def test_folders_with_difficult_names(kind, start, tmp_path: Path, name: str):
    assert await _serves(start(kind, tmp_path / name))


async def test_a_damaged_database_is_told_with_the_end_of_the_log(start):
    server = start(EmbeddedPostgres)
    server.stop()
    (server.data_dir / "cluster" / "global" / "pg_control").unlink()
    with pytest.raises(ServerError, match=r"(?s)PostgreSQL did not start.*pg_control"):
        server.start()


async def _serves(server: EmbeddedServer, password: str = "") -> bool:
    url = server.url.replace(_password(server), password) if password else server.url
    try:
        if isinstance(server, EmbeddedPostgres):
            connection = await asyncpg.connect(url, timeout=10)
            answer = await connection.fetchval("SELECT 1")
            await connection.close()
            return bool(answer == 1)
        async with redis.asyncio.from_url(url) as client:
            return bool(await client.ping())
    except (OSError, asyncpg.PostgresError, redis.RedisError):
        return False


def _password(server: EmbeddedServer) -> str:
    return server.url.rpartition("@")[0].rpartition(":")[2]


def _holds(path: Path, text: str) -> bool:
    return text.encode() in path.read_bytes()


@contextmanager
def _its_end(pid: int, within: float = 5.0) -> Iterator[None]:
    """Left when the process has ended, whoever its parent is."""
    descriptor = os.pidfd_open(pid)
    try:
        yield
        ended, _, _ = select.select([descriptor], [], [], within)
        assert ended, f"not within {within:g} s"
    finally:
        os.close(descriptor)
