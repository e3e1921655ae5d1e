"""A map of routes that is old costs one more call, and never a message."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from aiohttp import web

from control_plane.fleet.routing import Route, Routes
from shared.contracts.commands import CommandAnswer, Outcome, SendWish
from shared.internal_auth import SIGNATURE_HEADER
from tests.factories import Person
from tests.fleet_client import CONNECTED, PEER, Fleet, bare


@dataclass
class Endpoint:
    """Where a worker would listen; it keeps what it was asked for."""

    answer: CommandAnswer
    status: int = 200
    url: str = ""
    wishes: list[SendWish] = field(default_factory=list)

    async def send(self, request: web.Request) -> web.Response:
        assert request.headers[SIGNATURE_HEADER]
        self.wishes.append(msgspec.json.decode(await request.read(), type=SendWish))
        return web.Response(body=msgspec.json.encode(self.answer), status=self.status)


SENT = CommandAnswer(outcome=Outcome.DONE, whatsapp_id="3EB0", timestamp=1_760_000_000)
ELSEWHERE = CommandAnswer(outcome=Outcome.NOT_HERE)


@pytest.fixture
async def endpoints() -> AsyncIterator[tuple[Endpoint, Endpoint]]:
    """The right one, and one that has nothing to do with the session any more."""
    made, runners = (Endpoint(SENT), Endpoint(ELSEWHERE, status=421)), []
    for endpoint in made:
        app = web.Application()
        app.router.add_post("/sessions/{session}/commands", endpoint.send)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        endpoint.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        runners.append(runner)
    yield made
    for runner in runners:
        await runner.cleanup()


async def connected(fleet: Fleet, person: Person, endpoint: Endpoint) -> str:
    worker = await fleet.worker(endpoint=endpoint.url)
    session = await fleet.running(person)
    await worker.tell(session, 1, CONNECTED)
    return session


async def point_to(fleet: Fleet, session: str, url: str) -> Routes:
    routes = Routes(fleet.replica.parts.redis)
    row = await fleet.row(session)
    await routes.put(
        [
            Route(
                session_id=bare(session),
                epoch=row.epoch,
                status=row.status,
                worker_id=row.worker_id,
                endpoint=url,
                incarnation=1,
                token_key_id=(await fleet.worker_row(str(row.worker_id))).token_key_id,
            )
        ]
    )
    return routes


async def send(person: Person, session: str) -> tuple[int, dict[str, Any]]:
    answer = await person.call("POST", f"/v1/sessions/{session}/messages", json={"to": PEER, "text": "hello"})
    return answer.status_code, answer.json()


async def test_a_stale_route_is_corrected_once_from_the_tables(
    fleet: Fleet, endpoints: tuple[Endpoint, Endpoint]
):
    right, wrong = endpoints
    person = await fleet.owner()
    session = await connected(fleet, person, right)
    routes = await point_to(fleet, session, wrong.url)
    status, message = await send(person, session)
    assert (status, message["status"]) == (201, "sent")
    assert (len(wrong.wishes), len(right.wishes)) == (1, 1)
    known = await routes.route(uuid.UUID(bare(session)))
    assert known is not None
    assert known.endpoint == right.url
    await send(person, session)
    assert (len(wrong.wishes), len(right.wishes)) == (1, 2)


async def test_a_route_to_where_nobody_listens_is_corrected_as_well(
    fleet: Fleet, endpoints: tuple[Endpoint, Endpoint]
):
    right, _ = endpoints
    person = await fleet.owner()
    session = await connected(fleet, person, right)
    await point_to(fleet, session, "http://127.0.0.1:1")
    assert (await send(person, session))[0] == 201
