"""Whatever a customer's URL and name server say, only the address that was judged is reached."""

import asyncio
import traceback

import pytest
import structlog
from aiohttp import web

from control_plane.egress.gate import Egress
from control_plane.egress.names import SystemNames
from control_plane.egress.own_servers import Server
from control_plane.egress.troubles import EgressError
from tests.integration.egress_stand import LIMITS, PRIVATE, PUBLIC, Book, gate, site, text


async def fetch(egress: Egress, url: str) -> bytes:
    async with egress.get(url, LIMITS) as answer:
        return await answer.read()


async def refusal(egress: Egress, url: str) -> EgressError:
    with pytest.raises(EgressError) as caught:
        await fetch(egress, url)
    return caught.value


async def test_a_file_is_fetched_with_the_host_that_the_customer_named():
    names = Book(media=[[PUBLIC]])
    async with (
        site(text) as there,
        gate(names) as egress,
        egress.get(f"http://Media.example:{there.port}/a%20b?c=d%2F", LIMITS) as answer,
    ):
        assert (answer.status, answer.content_type, answer.length) == (200, "image/png", 9)
        assert await answer.read() == b"a picture"
    [request] = there.requests
    assert request.headers["Host"] == f"media.example:{there.port}"
    assert request.path_qs == "/a%20b?c=d%2F"
    assert request.headers["Accept-Encoding"] == "identity"
    assert names.asked == ["media.example."]


async def test_a_name_that_leads_elsewhere_the_second_time_is_asked_only_once():
    names = Book(rebinding=[[PUBLIC], [PRIVATE]])
    async with site(text) as there, site(text, PRIVATE, there.port) as inside, gate(names) as egress:
        url = f"http://rebinding.example:{there.port}/"
        assert await fetch(egress, url) == b"a picture"
        assert len(names.asked) == 1
        assert (await refusal(egress, url)).code == "url_forbidden"
    assert inside.connections == []


@pytest.mark.parametrize("addresses", [[PUBLIC, PRIVATE], [PRIVATE, PUBLIC], [PUBLIC, "::ffff:127.0.0.2"]])
async def test_one_private_address_among_public_ones_closes_them_all(addresses):
    async with (
        site(text) as there,
        site(text, PRIVATE, there.port) as inside,
        gate(Book(mixed=[addresses])) as egress,
    ):
        assert (await refusal(egress, f"http://mixed.example:{there.port}/")).code == "url_forbidden"
    assert there.connections == inside.connections == []


@pytest.mark.parametrize(
    "host",
    [
        PRIVATE, "localhost", "localhost.", "deep.localhost", "[::1]", "[::ffff:127.0.0.2]", "[::127.0.0.2]",
        "[64:ff9b::127.0.0.2]", "[2002:7f00:2::]", "169.254.169.254", "[fd00:ec2::254]",
        "0.0.0.0",  # noqa: S104
        "inside.example", "\uff4cocalhost", "\uff11\uff12\uff17.0.0.2",
    ],
)  # fmt: skip
async def test_no_way_to_write_a_private_address_reaches_it(host):
    async with site(text, PRIVATE) as inside, gate(Book(inside=[[PRIVATE]])) as egress:
        error = await refusal(egress, f"http://{host}:{inside.port}/")
        assert error.code == "url_forbidden"
        assert PRIVATE not in str(error)
    assert inside.connections == []


@pytest.mark.parametrize(
    "host", ["2130706434", "0x7f.2", "127.2", "0177.0.0.2", "[fe80::1%25lo]", "127.0.0.2."]
)
async def test_forms_that_only_some_readers_know_are_not_even_judged(host):
    async with site(text, PRIVATE) as inside, gate(allowed=("127.0.0.0/8",)) as egress:
        assert (await refusal(egress, f"http://{host}:{inside.port}/")).code == "url_invalid"
    assert inside.connections == []


async def test_nothing_of_this_machine_is_reached_where_no_network_is_let_through():
    async with site(text) as there, gate(Book(media=[[PUBLIC]]), allowed=()) as egress:
        for host in ("media.example", PUBLIC, "localhost"):
            assert (await refusal(egress, f"http://{host}:{there.port}/")).code == "url_forbidden"
    assert there.connections == []


async def test_our_own_servers_are_closed_even_where_their_network_is_let_through():
    names = Book()
    names.set("db.internal", PUBLIC)
    async with (
        site(text) as there,
        site(text) as database,
        gate(names, own=(Server("db.internal", database.port),)) as egress,
    ):
        assert (await refusal(egress, f"http://{PUBLIC}:{database.port}/")).code == "url_forbidden"
        assert await fetch(egress, f"http://{PUBLIC}:{there.port}/") == b"a picture"
    assert database.connections == []


async def test_the_settings_name_what_is_let_through_and_what_is_our_own(make_settings):
    async with site(text) as there, site(text) as valkey:
        settings = make_settings(
            WAYPOST_EGRESS_ALLOW=PUBLIC, WAYPOST_REDIS_URL=f"redis://:open-sesame@{PUBLIC}:{valkey.port}/0"
        )
        egress = Egress.of(settings)
        try:
            assert await fetch(egress, f"http://{PUBLIC}:{there.port}/") == b"a picture"
            assert (await refusal(egress, f"http://{PUBLIC}:{valkey.port}/")).code == "url_forbidden"
            assert (await refusal(egress, f"http://{PUBLIC}:25/")).code == "url_invalid"
        finally:
            await egress.close()


async def test_a_public_address_of_our_own_servers_is_closed_on_every_port():
    names = Book(shop=[["93.184.215.14"]])
    names.set("db.internal", "93.184.215.14")
    async with gate(names, own=(Server("db.internal", 5432),)) as egress:
        assert (await refusal(egress, "http://shop.example/")).code == "url_forbidden"


async def test_while_it_is_unknown_where_our_own_servers_stand_nobody_is_asked():
    async with site(text) as there, gate(own=(Server("db.internal", 5432),)) as egress:
        assert (await refusal(egress, f"http://{PUBLIC}:{there.port}/")).may_pass
    assert there.connections == []


async def test_the_next_address_is_tried_where_the_first_is_down():
    names = Book(media=[["127.0.0.3", PUBLIC]])
    async with site(text) as there, gate(names, allowed=(PUBLIC, "127.0.0.3")) as egress:
        assert await fetch(egress, f"http://media.example:{there.port}/") == b"a picture"


async def test_a_connection_is_used_again_for_the_same_address_and_never_for_another():
    names = Book(moving=[[PUBLIC], [PUBLIC], ["127.0.0.3"]])
    async with (
        site(text) as there,
        site(text, "127.0.0.3", there.port) as moved,
        gate(names, allowed=(PUBLIC, "127.0.0.3")) as egress,
    ):
        for _ in range(3):
            await fetch(egress, f"http://moving.example:{there.port}/")
    assert len(there.connections) == 2
    assert there.connections[0] is there.connections[1]
    assert len(moved.connections) == 1


async def test_a_redirect_is_told_and_not_followed():
    async def redirect(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": f"http://{PRIVATE}:{request.url.port}/"})

    async with site(redirect) as there, site(text, PRIVATE, there.port) as inside, gate() as egress:
        assert (await refusal(egress, f"http://{PUBLIC}:{there.port}/")).code == "url_redirects"
        reply = await egress.post(f"http://{PUBLIC}:{there.port}/", b"{}", {}, LIMITS)
        assert reply.status == 302
    assert inside.connections == []
    assert [request.path for request in there.requests] == ["/", "/"]


async def test_proxies_and_passwords_of_the_environment_are_not_used(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine {PUBLIC} login root password open-sesame\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with site(text) as there, site(text, PRIVATE) as proxy, gate() as egress:
        monkeypatch.setenv("HTTP_PROXY", f"http://{PRIVATE}:{proxy.port}")
        monkeypatch.setenv("http_proxy", f"http://{PRIVATE}:{proxy.port}")
        assert await fetch(egress, f"http://{PUBLIC}:{there.port}/") == b"a picture"
    assert proxy.connections == []
    assert "Authorization" not in there.requests[0].headers


async def test_a_cookie_is_not_kept_from_one_customer_for_the_next():
    async def cookie(_request: web.Request) -> web.Response:
        return web.Response(headers={"Set-Cookie": "whose=first"})

    async with site(cookie) as there, gate() as egress:
        for _ in range(2):
            await fetch(egress, f"http://{PUBLIC}:{there.port}/")
    assert all("Cookie" not in request.headers for request in there.requests)


async def test_an_unknown_name_and_a_silent_name_server_are_told_apart():
    class Silent(Book):
        async def addresses(self, host: str) -> list[str]:
            await asyncio.Event().wait()
            return []

    hasty = type(LIMITS)(most_bytes=1, resolve_seconds=0.05)
    async with gate(Book(empty=[[]])) as egress, gate(Silent()) as waiting:
        assert (await refusal(egress, "http://nobody.example/")).code == "url_unresolvable"
        assert (await refusal(egress, "http://empty.example/")).code == "url_unresolvable"
        with pytest.raises(EgressError) as caught:
            async with asyncio.timeout(5), waiting.get("http://slow.example/", hasty):
                pass
        assert caught.value.code == "url_timeout"


async def test_neither_log_lines_nor_errors_hold_the_query_or_where_a_name_led():
    with structlog.testing.capture_logs() as lines:
        async with gate(Book(inside=[[PRIVATE]], down=[["127.0.0.3"]]), allowed=("127.0.0.3",)) as egress:
            for host in ("inside", "down"):
                error = await refusal(egress, f"http://{host}.example:1/path?key=open-sesame")
                told = "".join(traceback.format_exception(error))
                assert "open-sesame" not in told
                assert "127.0.0." not in told
    assert [line["host"] for line in lines] == ["inside.example", "down.example"]
    assert "open-sesame" not in str(lines)
    assert "127.0.0." not in str(lines)


async def test_the_machine_s_own_names_are_asked_in_threads_of_their_own():
    names = SystemNames()
    try:
        assert set(await names.addresses("127.0.0.1")) == {"127.0.0.1"}
        with pytest.raises(OSError, match=r"."):
            await names.addresses("nobody.invalid.")
    finally:
        names.close()


def test_a_url_that_is_kept_for_later_is_checked_without_the_network():
    egress = Egress(ports=(range(443, 444),), names=Book())
    egress.check("https://hooks.example.com/a")
    for url in ("https://10.0.0.1/", "https://example.com:8443/", "https://[::1]/"):
        with pytest.raises(EgressError):
            egress.check(url)
