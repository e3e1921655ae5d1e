"""WebSockets of events on a served replica: what its clients see over a real connection."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator

import aiohttp
import pytest

from control_plane.db.engine import Database
from tests import run_folder
from tests.bench.process_figures import memory_mib
from tests.e2e.test_api_process import Api
from tests.event_socket import new_ticket
from tests.event_stream import happen
from tests.factories import People, Person
from tests.waiting import until


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[Api]:
    running = await Api(database_url, WAYPOST_ADDRESS_REQUESTS_PER_MINUTE="100000").start()
    yield running
    if running.process.returncode is None:
        running.process.kill()
    await running.process.wait()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


async def opened(
    http: aiohttp.ClientSession, api: Api, person: Person, ticket: str = ""
) -> aiohttp.ClientWebSocketResponse:
    """The ticket comes from a replica inside the test, and is used up on the served one."""
    url = f"http://127.0.0.1:{api.port}/v1/events/ws"
    return await http.ws_connect(url, params={"ticket": ticket or await new_ticket(person)})


async def frames_until(socket: aiohttp.ClientWebSocketResponse, word: str) -> int:
    count = 0
    async with asyncio.timeout(60):
        while word not in await socket.receive_str():
            count += 1
    return count


async def test_a_ticket_opens_once_and_its_words_reach_the_client(
    database: Database, people: People, api: Api, http: aiohttp.ClientSession
):
    person = await people()
    ticket = await new_ticket(person)
    socket = await opened(http, api, person, ticket)
    await frames_until(socket, "stream.open")
    await happen(database, person, 1, data={"text": "über"})
    event = await socket.receive_json(timeout=20)
    assert (event["sequence"], event["data"]) == (1, {"text": "über"})
    again = await opened(http, api, person, ticket)
    assert (await again.receive_json(timeout=20))["reason"] == "unauthorized"
    end = await again.receive(timeout=20)
    assert (end.type, end.data, end.extra) == (aiohttp.WSMsgType.CLOSE, 4401, "unauthorized")
    await socket.close()
    for path in ("/v1/events", "/v1/nothing"):
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            await http.ws_connect(f"http://127.0.0.1:{api.port}{path}")

    async def logged() -> bool:
        log = (run_folder.logs() / f"api-{api.port}.log").read_text()
        assert ticket not in log
        sockets = [line for line in map(json.loads, log.splitlines()) if line.get("method") == "WS"]
        seen = {(line["route"], line["status"]) for line in sockets}
        return {("/v1/events/ws", 101), ("/v1/events/ws", 401), ("unmatched", 403)} <= seen

    await until(logged)


async def test_a_client_that_does_not_read_is_cut_and_costs_neither_others_nor_memory(
    database: Database, people: People, api: Api, http: aiohttp.ClientSession
):
    person = await people()
    slow, quick = await opened(http, api, person), await opened(http, api, person)
    await frames_until(quick, "stream.open")
    await frames_until(slow, "stream.open")
    before = memory_mib(api.process.pid)["rss"]
    text = "x" * 4_000
    for begin in range(1, 6001, 500):
        await happen(database, person, *range(begin, begin + 500), data={"text": text})
        assert await frames_until(quick, f'"sequence":{begin + 499},') == 499
    # Were all of it kept for the slow one, it would be 24 MB as text and a multiple of that as objects.
    assert memory_mib(api.process.pid)["rss"] - before < 120
    seen = 0
    async with asyncio.timeout(60):
        while (await slow.receive()).type is aiohttp.WSMsgType.TEXT:
            seen += 1
    assert seen < 6000
    # Told, where it read again soon enough; else only cut.
    assert slow.close_code in {4408, 1006}, slow.close_code
    await quick.close()
    await slow.close()


async def test_a_replica_that_stops_tells_its_sockets_and_ends(
    people: People, api: Api, http: aiohttp.ClientSession, database: Database
):
    person = await people()
    socket = await opened(http, api, person)
    await frames_until(socket, "stream.open")
    api.process.send_signal(signal.SIGTERM)
    assert (await socket.receive_json(timeout=20))["reason"] == "shutting_down"
    end = await socket.receive(timeout=20)
    assert (end.data, end.extra) == (4503, "shutting_down")
    async with asyncio.timeout(20):
        assert await api.process.wait() == 0
