"""What the control API answers to those who have no business with it, or talk nonsense."""

import asyncio
import logging
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.sandbox.conftest import CONTROL_TOKEN
from worker.sandbox.control.server import ControlServer
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox

DEEP = 200_000


async def test_health_needs_no_token_and_tells_how_busy_it_is(
    control: httpx.AsyncClient, sandbox: Sandbox, anna: Phone
) -> None:
    async with httpx.AsyncClient(base_url=control.base_url) as stranger:
        health = (await stranger.get("/health")).json()
    assert health["status"] == "up"
    assert health["startedAt"].endswith("Z")
    assert (health["clients"], health["accounts"]) == (
        len(sandbox.network.online),
        len(sandbox.network.accounts),
    )


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer wrong", CONTROL_TOKEN, f"Basic {CONTROL_TOKEN}", "Bearer é"],
)
@pytest.mark.parametrize("path", ["/phones", "/journal", "/no-such-call", "/health/..", "/health/"])
async def test_everything_else_asks_for_the_token(
    control: httpx.AsyncClient, authorization: str | None, path: str
) -> None:
    headers = [] if authorization is None else [(b"Authorization", authorization.encode())]
    async with httpx.AsyncClient(base_url=control.base_url) as stranger:
        answer = await stranger.get(path, headers=headers)
    _is_problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_it_listens_on_this_machine_only(sandbox: Sandbox) -> None:
    async with ControlServer(sandbox.network, CONTROL_TOKEN) as server:
        assert {address[0] for address in server._runner.addresses} == {"127.0.0.1"}


async def test_it_ends_at_once_though_somebody_waits(sandbox: Sandbox, anna: Phone) -> None:
    headers = {"Authorization": f"Bearer {CONTROL_TOKEN}"}
    async with httpx.AsyncClient(headers=headers, timeout=60) as client:
        async with ControlServer(sandbox.network, CONTROL_TOKEN) as server:
            waiting = asyncio.create_task(client.get(f"{server.url}/phones/{anna.number}/inbox?wait=30"))
            await client.get(f"{server.url}/health")
            assert not waiting.done()
        with pytest.raises(httpx.HTTPError):
            await asyncio.wait_for(waiting, 10)


async def test_what_there_is_not_is_told(control: httpx.AsyncClient) -> None:
    _is_problem(await control.get("/no-such-call"), 404, "not_found")
    _is_problem(await control.put("/phones"), 405, "method_not_allowed")


@pytest.mark.parametrize("number", ["4915500000000", "nobody", "..%2f..%2fx", "%00", "1" * 4000, "../../x"])
async def test_names_of_nobody_are_not_found(control: httpx.AsyncClient, number: str) -> None:
    for method, path in (
        ("GET", f"/phones/{number}"),
        ("PATCH", f"/phones/{number}"),
        ("POST", f"/phones/{number}/scan"),
        ("POST", f"/phones/{number}/messages"),
        ("GET", f"/phones/{number}/inbox"),
        ("GET", f"/phones/{number}/inbox/3A00/file"),
        ("GET", f"/phones/{number}/receipts"),
        ("POST", f"/phones/{number}/read"),
        ("GET", f"/groups/{number}"),
        ("POST", f"/devices/{number}/1/faults"),
        ("DELETE", f"/devices/{number}/1/faults"),
    ):
        _is_problem(await control.request(method, path, json={}), 404, "not_found")


@pytest.mark.parametrize("device", ["0", "1", "99999999999999999999", "x", "-1", "٣", "..%2f"])
async def test_a_device_that_there_is_not_gets_no_trouble(
    control: httpx.AsyncClient, anna: Phone, device: str
) -> None:
    answer = await control.post(f"/devices/{anna.number}/{device}/faults", json={"kind": "disconnect"})
    _is_problem(answer, 404, "not_found")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"hello",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b'{"number": 4915500000000}',
        b'{"number": "49155\\u0000"}',
        b'{"number": "+49 155"}',
        b'{"number": "../../x"}',
        b'{"number": "0155500000"}',
        b'{"name": ["Anna"]}',
        b'{"name": null}',
        b'{"nobody": "asks"}',
        b'{"name": "' + b"A" * 101 + b'"}',
        b'{"x": ' + b'{"x": ' * DEEP,
        b"[" * DEEP,
        b'{"name": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    ],
)
async def test_a_wrong_body_is_refused(control: httpx.AsyncClient, sandbox: Sandbox, body: bytes) -> None:
    accounts = len(sandbox.network.accounts)
    _is_problem(await control.post("/phones", content=body), 422, "invalid")
    assert len(sandbox.network.accounts) == accounts


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"type": "text", "text": "hello"}, "to"),
        ({"to": "4915500000000"}, "type"),
        ({"to": "4915500000000", "type": "smell"}, "type"),
        ({"to": "4915500000000", "type": "text"}, "text"),
        ({"to": "4915500000000", "type": "text", "text": 1}, "text"),
        ({"to": "4915500000000", "type": "text", "text": "hello", "data": ""}, "data"),
        ({"to": "4915500000000", "type": "image", "data": "*"}, "data"),
        ({"to": "4915500000000", "type": "location", "latitude": 91, "longitude": 0}, "latitude"),
        ({"to": "4915500000000", "type": "contacts", "people": [{"name": "Carla"}]}, "people[0].number"),
    ],
)
async def test_the_field_that_is_wrong_is_named(
    control: httpx.AsyncClient, anna: Phone, body: dict[str, Any], field: str
) -> None:
    problem = _is_problem(await control.post(f"/phones/{anna.number}/messages", json=body), 422, "invalid")
    assert problem["field"] == field
    assert field in problem["detail"]


async def test_a_body_that_is_nested_too_deeply_is_refused(control: httpx.AsyncClient, anna: Phone) -> None:
    # What comes in front of the type is read over until the type is known.
    body = b'{"x": ' + b"[" * DEEP + b"]" * DEEP + b', "type": "text"}'
    answer = await control.post(f"/phones/{anna.number}/messages", content=body)
    assert "nested" in _is_problem(answer, 422, "invalid")["detail"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=many", "limit"),
        ("after=-1", "after"),
        ("after=" + "9" * 400, "after"),
        ("wait=31", "wait"),
        ("wait=nan", "wait"),
        ("wait=inf", "wait"),
        ("from=Anna", "from"),
        ("sender=1", "sender"),
    ],
)
async def test_the_parameter_that_is_wrong_is_named(
    control: httpx.AsyncClient, anna: Phone, query: str, field: str
) -> None:
    problem = _is_problem(await control.get(f"/phones/{anna.number}/inbox?{query}"), 422, "invalid")
    assert problem["field"] == field


async def test_a_body_over_the_limit_is_refused(control: httpx.AsyncClient, anna: Phone) -> None:
    body = b'{"to": "' + b"1" * (32 * 1024 * 1024) + b'"}'
    _is_problem(await control.post(f"/phones/{anna.number}/messages", content=body), 413, "body_too_large")


async def test_no_number_and_no_text_of_a_call_is_in_the_log(
    control: httpx.AsyncClient, anna: Phone, ben: Phone, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        body = {"to": ben.number, "type": "text", "text": "nobody else reads this"}
        assert (await control.post(f"/phones/{anna.number}/messages", json=body)).status_code == 201
        await control.get(f"/phones/{anna.number}x")
        await control.post(f"/phones/{anna.number}/messages", content=b"nobody else reads this")
    for secret in (anna.number, ben.number, "nobody else"):
        assert not any(
            secret in record.getMessage()
            for record in caplog.records
            if record.name.startswith(("worker", "aiohttp"))
        )


@pytest.mark.parametrize(
    "request_text",
    [b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"GET /phones HTTP/9.9\r\n\r\n", b"A" * 100_000],
)
async def test_what_is_no_http_ends_its_own_connection_only(
    control: httpx.AsyncClient, request_text: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    address = urlsplit(str(control.base_url))
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(request_text)
    writer.write_eof()
    async with asyncio.timeout(10):
        assert b" 200 " not in await reader.read()
    writer.close()
    assert (await control.get("/health")).status_code == 200
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def _is_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem: dict[str, Any] = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["detail"].endswith((".", "…"))
    return problem
