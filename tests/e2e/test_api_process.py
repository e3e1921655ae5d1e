"""The API as a process of its own: it finishes what it began, and refuses a port that is taken."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator

import pytest

from deploy.local.ports import free_port
from tests import run_folder
from tests.conftest import MASTER_KEY
from tests.factories import new_email, new_password
from tests.surroundings import without_settings
from tests.waiting import until


def environment(database_url: str, port: int) -> dict[str, str]:
    return without_settings() | {
        "WAYPOST_ENVIRONMENT": "development",
        "WAYPOST_DATABASE_URL": database_url,
        "WAYPOST_REDIS_URL": run_folder.servers()["redis"],
        "WAYPOST_MASTER_KEY": MASTER_KEY,
        "WAYPOST_PORT": str(port),
    }


class Api:
    def __init__(self, database_url: str, **changes: str) -> None:
        self.port = free_port()
        self._environment = environment(database_url, self.port) | changes

    async def start(self) -> "Api":
        log = (run_folder.logs() / f"api-{self.port}.log").open("w")
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "control_plane", "api", env=self._environment, stdout=log, stderr=log
        )
        log.close()

        async def listening() -> bool:
            return await self.get("/health/ready") == 200

        await until(listening, within=30)
        return self

    async def get(self, path: str) -> int | None:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return None
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        line = await reader.readline()
        writer.close()
        return int(line.split()[1]) if line else None


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[Api]:
    running = await Api(database_url).start()
    yield running
    if running.process.returncode is None:
        running.process.kill()
    await running.process.wait()


async def test_many_connections_that_stand_keep_nobody_out(api: Api):
    """Callers keep theirs open, and whoever listens for events has one for hours."""
    standing = [await asyncio.open_connection("127.0.0.1", api.port) for _ in range(300)]
    try:
        for _, writer in standing:
            writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        for reader, _ in standing:
            async with asyncio.timeout(30):
                assert b" 200 " in await reader.readline()
        async with asyncio.timeout(30):
            assert await api.get("/health/live") == 200
    finally:
        for _, writer in standing:
            writer.close()


async def test_a_request_that_has_begun_is_answered_before_the_end(api: Api):
    body = json.dumps({"email": new_email(), "password": new_password(), "name": "N"}).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(
        b"POST /v1/auth/register HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    writer.write(body[:20])
    await writer.drain()
    assert await api.get("/health/live") == 200
    api.process.send_signal(signal.SIGTERM)

    async def draining() -> bool:
        return await api.get("/health/ready") == 503

    await until(draining)
    writer.write(body[20:])
    await writer.drain()
    async with asyncio.timeout(10):
        assert b"201" in await reader.readline()
        run_folder.note_secrets_of(json.loads((await reader.read()).partition(b"\r\n\r\n")[2]))
        assert await api.process.wait() == 0
    writer.close()


async def test_a_request_that_never_ends_does_not_hold_the_end_up(database_url: str):
    api = await Api(database_url, WAYPOST_DRAIN_SECONDS="0.3").start()
    _, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(b"POST /v1/auth/register HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    assert await api.get("/health/live") == 200
    api.process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(10):
            assert await api.process.wait() == 0
    finally:
        if api.process.returncode is None:
            api.process.kill()
        await api.process.wait()
        writer.close()


async def test_without_requests_it_ends_at_once(api: Api):
    api.process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(5):
        assert await api.process.wait() == 0


async def test_a_port_that_is_taken_is_refused_and_not_shared(api: Api, database_url: str):
    second = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "control_plane",
        "api",
        env=environment(database_url, api.port),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        output, _ = await asyncio.wait_for(second.communicate(), 20)
    finally:
        if second.returncode is None:
            second.kill()
    assert second.returncode == 1
    assert b"cannot_listen" in output
    assert await api.get("/health/live") == 200


@pytest.mark.parametrize("junk", [b"\x00\xff\xfe\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"A" * 200_000])
async def test_junk_on_the_wire_ends_one_connection_and_nothing_else(api: Api, junk: bytes):
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(junk)
    async with asyncio.timeout(10):
        try:
            await writer.drain()
            writer.write_eof()
            await reader.read()
        except ConnectionError:
            pass
    writer.close()
    assert await api.get("/health/live") == 200
