"""Every hostile URL is refused where it is kept and where it is used, and nobody is connected to."""

import asyncio
import random
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from itertools import cycle
from typing import Any

import pytest

from control_plane.egress.gate import Egress
from control_plane.egress.own_servers import Server
from control_plane.egress.troubles import EgressError
from tests.integration.egress_stand import LIMITS, PRIVATE, PUBLIC, gate, site, text
from tests.integration.hostile_urls import HOSTILE, NAMES
from tests.integration.name_server import name_server

_TRIES = 1000
_AT_ONCE = 8
_heard: list[list[Any]] = []


def _hear(event: str, given: tuple[Any, ...]) -> None:
    if event == "socket.connect" and _heard:
        _heard[-1].append(given[1])


@pytest.fixture
def connects() -> Iterator[list[Any]]:
    """Whatever this process connects to, told by the interpreter itself."""
    if not hasattr(sys, "_egress_is_heard"):
        sys.addaudithook(_hear)  # it stays for as long as the process
        sys._egress_is_heard = True  # type: ignore[attr-defined]
    _heard.append([])
    yield _heard[-1]
    _heard.pop()


async def _get(egress: Egress, url: str) -> bytes:
    async with egress.get(url, LIMITS) as answer:
        return await answer.read()


async def _post(egress: Egress, url: str) -> bytes:
    return (await egress.post(url, b"{}", {}, LIMITS)).body


async def _probe(egress: Egress, url: str) -> None:
    await egress.probe(url)


async def code_of(asked: Awaitable[object]) -> str:
    try:
        await asked
    except EgressError as error:
        return error.code
    return "nothing was refused"


@pytest.mark.parametrize("way", [_probe, _get, _post])
async def test_hostile_urls_are_refused_and_nobody_is_connected_to(
    way: Callable[[Egress, str], Awaitable[object]], connects: list[Any]
):
    assert len({url for url, _ in HOSTILE}) == len(HOSTILE) >= 60
    ports = (range(80, 81), range(443, 444), range(1024, 65536))
    async with (
        site(text, PRIVATE) as inside,
        name_server(lambda name, _kind: NAMES.get(name, [])) as names,
        gate(names, allowed=(), own=(Server("database.example.", 5432),), ports=ports) as egress,
    ):
        found = {url: await code_of(way(egress, url.format(port=inside.port))) for url, _ in HOSTILE}
    assert {url: (found[url], code) for url, code in HOSTILE if found[url] != code} == {}
    assert inside.connections == []
    assert {place for place in connects if place[1] != names.port} == set()


async def test_what_is_connected_to_would_have_been_heard(connects: list[Any]):
    async with site(text) as there, gate() as egress:
        await _get(egress, f"http://{PUBLIC}:{there.port}/")
        assert (PUBLIC, there.port) in connects


def _in_turn() -> Callable[[str], list[str]]:
    turns = cycle([[PUBLIC], [PRIVATE], [PUBLIC, PRIVATE]])
    return lambda _name: next(turns)


def _at_random() -> Callable[[str], list[str]]:
    dice = random.Random(6)
    return lambda _name: dice.choice([[PUBLIC], [PUBLIC], [PRIVATE], [PRIVATE, PUBLIC]])


def _good_at_first() -> Callable[[str], list[str]]:
    asked: Counter[str] = Counter()

    def answer(name: str) -> list[str]:
        asked[name] += 1
        return [PUBLIC] if asked[name] == 1 else [PRIVATE]

    return answer


@pytest.mark.parametrize(
    ("answers", "kept_seconds"), [(_in_turn, 0), (_at_random, 0.01), (_good_at_first, 0)]
)
async def test_a_rebinding_name_server_leads_no_try_to_a_forbidden_address(answers, kept_seconds):
    entered = 0

    async def enter(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal entered
        entered += 1
        writer.close()

    answer = answers()
    codes: list[str] = []
    async with (
        site(text) as there,
        name_server(lambda name, kind: answer(name) if kind == "A" else [PUBLIC]) as names,
        gate(names, kept_seconds=kept_seconds) as egress,
        await asyncio.start_server(enter, PRIVATE, there.port),
    ):
        tries = iter(range(_TRIES))

        async def some(way: Callable[[Egress, str], Awaitable[object]]) -> None:
            for number in tries:
                url = f"http://n{number % 50}.evil.example:{there.port}/"
                codes.append(await code_of(way(egress, url)))

        await asyncio.gather(*[some(_get if number % 2 else _post) for number in range(_AT_ONCE)])
    assert len(codes) == _TRIES
    assert entered == 0
    assert set(codes) == {"nothing was refused", "url_forbidden"}
    assert len(there.requests) == codes.count("nothing was refused")
