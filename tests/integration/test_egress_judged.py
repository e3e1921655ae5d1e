"""Where hosts lead is asked rarely, and what is remembered opens nothing that was judged closed."""

import asyncio
from types import SimpleNamespace

import aiohttp
import pytest

from control_plane.egress import judged
from control_plane.egress.addresses import AddressRule
from control_plane.egress.answers import Limits
from control_plane.egress.connector import PinnedConnector
from control_plane.egress.gate import Egress
from control_plane.egress.own_servers import Server
from control_plane.egress.troubles import EgressError
from control_plane.settings import Networks
from tests.integration.egress_stand import LIMITS, PRIVATE, PUBLIC, Book, gate, raw_site, site, text


async def refused(egress: Egress, url: str) -> str:
    with pytest.raises(EgressError) as caught:
        await egress.post(url, b"{}", {}, LIMITS)
    return caught.value.code


class Slow(Book):
    def __init__(self, **names: list[list[str]]) -> None:
        super().__init__(**names)
        self.may_answer = asyncio.Event()

    async def addresses(self, host: str) -> list[str]:
        found = await super().addresses(host)
        await self.may_answer.wait()
        return found


async def test_many_posts_ask_once_for_the_host_and_once_for_our_own_servers():
    names = Slow(hook=[[PUBLIC]])
    names.set("db.internal", "10.0.0.9")
    async with (
        site(text) as there,
        gate(names, own=(Server("db.internal", 5432),), kept_seconds=3) as egress,
    ):
        url = f"http://hook.example:{there.port}/"
        posts = [asyncio.ensure_future(egress.post(url, b"{}", {}, LIMITS)) for _ in range(20)]
        with pytest.raises(EgressError):
            await egress.probe(url, seconds=0.01)  # who gives up takes nothing from the others
        names.may_answer.set()
        assert {reply.status for reply in await asyncio.gather(*posts)} == {200}
        await egress.post(url, b"{}", {}, LIMITS)
    assert sorted(names.asked) == ["db.internal", "hook.example."]


async def test_after_seconds_a_host_is_judged_anew_and_its_old_connection_is_not_used(monkeypatch):
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(judged, "time", SimpleNamespace(monotonic=lambda: clock.now))
    names = Book(hook=[[PUBLIC], [PRIVATE]])
    async with (
        site(text) as there,
        site(text, PRIVATE, there.port) as inside,
        gate(names, kept_seconds=3) as egress,
    ):
        url = f"http://hook.example:{there.port}/"
        for later in (0, 2.9):
            clock.now = 1000 + later
            await egress.post(url, b"{}", {}, LIMITS)
        clock.now = 1003.1
        assert await refused(egress, url) == "url_forbidden"
    assert len(there.requests) == 2
    assert inside.connections == []


async def test_where_nobody_answers_the_host_is_asked_for_again_at_once():
    names = Book(hook=[["127.0.0.3"], [PUBLIC]])
    async with site(text) as there, gate(names, allowed=(PUBLIC, "127.0.0.3"), kept_seconds=60) as egress:
        url = f"http://hook.example:{there.port}/"
        assert await refused(egress, url) == "url_unreachable"
        assert (await egress.post(url, b"{}", {}, LIMITS)).status == 200


async def test_a_probe_judges_and_does_not_connect():
    names = Book(hook=[[PUBLIC]], inside=[[PRIVATE]])
    names.set("db.internal", PUBLIC)
    async with site(text) as there, gate(names, own=(Server("db.internal", 5432),)) as egress:
        await egress.probe(f"http://hook.example:{there.port}/")
        for url, code in {
            f"http://inside.example:{there.port}/": "url_forbidden",
            "http://hook.example:5432/": "url_forbidden",
            "http://nobody.example/": "url_unresolvable",
            "http://127.1/": "url_invalid",
        }.items():
            with pytest.raises(EgressError) as caught:
                await egress.probe(url)
            assert caught.value.code == code
    assert there.connections == []


async def test_our_own_servers_are_found_behind_gateways_and_at_loopback_s_other_addresses():
    names = Book()
    names.set("db.internal", "93.184.215.14")
    names.set("map.internal", "127.0.0.1")
    own = (Server("db.internal", 5432), Server("map.internal", 6379))
    async with gate(names, own=own, allowed=("127.0.0.0/8", "::1/128", "64:ff9b::/96")) as egress:
        await egress.probe("http://[64:ff9b::93.184.215.15]:5432/")
        await egress.probe("http://127.0.0.2:6380/")
        for host in ("[64:ff9b::93.184.215.14]:5432", "127.0.0.1:6379", "127.0.0.2:6379", "[::1]:6379"):
            assert await refused(egress, f"http://{host}/") == "url_forbidden"


async def test_a_port_of_ours_is_closed_on_every_address_of_this_machine():
    async with site(text) as there, gate() as egress:
        connector = PinnedConnector(AddressRule(Networks([PUBLIC])), None, lambda port: port == there.port)
        egress._http = aiohttp.ClientSession(connector=connector)
        assert await refused(egress, f"http://{PUBLIC}:{there.port}/") == "url_forbidden"
    assert there.requests == []


async def test_a_second_answer_that_nobody_asked_for_is_not_taken_for_the_next_one():
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    async with raw_site(answer + b"first" + answer + b"false") as port, gate() as egress:
        for _ in range(2):
            reply = await egress.post(f"http://{PUBLIC}:{port}/", b"", {}, LIMITS)
            assert reply.body == b"first"


@pytest.mark.parametrize("line", [b"X-Drip: 1\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n"])
async def test_a_head_that_drips_without_end_ends_with_the_time(line):
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"HTTP/1.1 200 OK\r\n" if line.startswith(b"X") else b"")
            while True:
                writer.write(line)
                await writer.drain()
                await asyncio.wait({asyncio.ensure_future(reader.read(1))}, timeout=0.02)
        except ConnectionError:
            writer.close()

    server = await asyncio.start_server(drip, PUBLIC, 0)
    port = server.sockets[0].getsockname()[1]
    hasty = Limits(most_bytes=100, answer_seconds=0.3, total_seconds=0.5)
    async with server, gate() as egress:
        with pytest.raises(EgressError) as caught:
            async with asyncio.timeout(5), egress.get(f"http://{PUBLIC}:{port}/", hasty):
                pass
    assert caught.value.code in {"url_timeout", "url_unreachable"}


async def test_an_answer_to_a_webhook_counts_even_where_its_body_cannot_be_unpacked():
    packed = b"HTTP/1.1 200 OK\r\nContent-Encoding: zip\r\nContent-Length: 5\r\n\r\nwhat?"
    async with raw_site(packed) as port, gate() as egress:
        reply = await egress.post(f"http://{PUBLIC}:{port}/", b"", {}, LIMITS)
    assert (reply.status, reply.body) == (200, b"")
