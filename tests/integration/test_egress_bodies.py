"""What servers of customers send: too much, for too long, packed, broken, or without a good certificate."""

import asyncio
import gzip
import ssl
import traceback
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from control_plane.egress.answers import Limits
from control_plane.egress.gate import Egress
from control_plane.egress.troubles import EgressError
from tests.integration.egress_stand import LIMITS, PUBLIC, Book, gate, raw_site, site, text

HASTY = Limits(most_bytes=10**12, answer_seconds=0.2, total_seconds=0.3)


async def trouble(egress: Egress, url: str, limits: Limits = LIMITS) -> tuple[str, int]:
    """With how much was handed out before."""
    taken = 0
    with pytest.raises(EgressError) as caught:
        async with asyncio.timeout(5), egress.get(url, limits) as answer:
            async for piece in answer:
                taken += len(piece)
    return caught.value.code, taken


async def test_a_body_of_just_the_limit_is_taken_whole():
    async def full(_request: web.Request) -> web.Response:
        return web.Response(body=b"x" * LIMITS.most_bytes)

    async with (
        site(full) as there,
        gate() as egress,
        egress.get(f"http://{PUBLIC}:{there.port}/", LIMITS) as answer,
    ):
        assert len(await answer.read()) == LIMITS.most_bytes


async def test_a_body_that_is_announced_as_too_large_is_not_begun():
    async with (
        raw_site(b"HTTP/1.1 200 OK\r\nContent-Length: 1000001\r\n\r\n", then_silent=True) as port,
        gate() as egress,
    ):
        assert await trouble(egress, f"http://{PUBLIC}:{port}/") == ("url_too_large", 0)


async def test_an_endless_body_ends_at_the_limit():
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 60_000)

    async with site(endless) as there, gate() as egress:
        code, taken = await trouble(egress, f"http://{PUBLIC}:{there.port}/")
        assert code == "url_too_large"
        assert taken <= LIMITS.most_bytes


async def test_a_body_that_never_ends_and_never_grows_much_ends_with_the_time():
    async def dripping(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x")
            await asyncio.sleep(0)

    async with site(dripping) as there, gate() as egress:
        code, _ = await trouble(egress, f"http://{PUBLIC}:{there.port}/", HASTY)
        assert code == "url_timeout"


@pytest.mark.parametrize(
    "head", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"]
)
async def test_silence_ends_with_the_time_wherever_it_begins(head):
    async with raw_site(head, then_silent=True) as port, gate() as egress:
        assert await trouble(egress, f"http://{PUBLIC}:{port}/", HASTY) == ("url_timeout", 0)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_what_is_unpacked_counts(coding):
    pack = gzip.compress if coding == "gzip" else zlib.compress
    bomb = pack(bytes(64 * 1024 * 1024))

    async def packed(_request: web.Request) -> web.Response:
        return web.Response(body=bomb, headers={"Content-Encoding": coding})

    assert len(bomb) < LIMITS.most_bytes
    async with site(packed) as there, gate() as egress:
        code, taken = await trouble(egress, f"http://{PUBLIC}:{there.port}/")
        assert code == "url_too_large"
        assert taken <= LIMITS.most_bytes
        reply = await egress.post(f"http://{PUBLIC}:{there.port}/", b"", {}, LIMITS)
        assert len(reply.body) == LIMITS.most_bytes


@pytest.mark.parametrize("coding", ["gzip, gzip", "br", "zstd", "compress"])
async def test_a_packing_that_nobody_asked_for_is_refused(coding):
    async def packed(_request: web.Request) -> web.Response:
        return web.Response(body=b"x", headers={"Content-Encoding": coding})

    async with site(packed) as there, gate() as egress:
        assert await trouble(egress, f"http://{PUBLIC}:{there.port}/") == ("url_unreachable", 0)


@pytest.mark.parametrize(
    "lines",
    [
        [b"SSH-2.0-OpenSSH_9.6\r\n"],
        [b"HTTP/1.1 200 OK\r\n", *[b"X: " + b"y" * 8000 + b"\r\n"] * 200],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", b"short"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", b"short"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"zz\r\nnot a chunk\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n", b"not packed"],
        [],
    ],
    ids=["other protocol", "endless head", "cut off", "negative", "bad chunks", "not packed", "nothing"],
)
async def test_a_broken_answer_is_told_as_such(lines):
    async with raw_site(*lines) as port, gate() as egress:
        code, _ = await trouble(egress, f"http://{PUBLIC}:{port}/")
        assert code == "url_unreachable"


@pytest.mark.parametrize(("status", "may_pass"), [(404, False), (429, True), (500, True), (101, False)])
async def test_a_status_that_is_no_success_is_told(status, may_pass):
    async with (
        raw_site(f"HTTP/1.1 {status} Whatever\r\nContent-Length: 0\r\n\r\n".encode()) as port,
        gate() as egress,
    ):
        with pytest.raises(EgressError) as caught:
            async with egress.get(f"http://{PUBLIC}:{port}/", LIMITS):
                pass
    assert (caught.value.code, caught.value.status) == ("url_bad_status", status)
    assert caught.value.may_pass is may_pass


async def test_the_caller_s_own_failure_passes_through_as_it_is():
    async with site(text) as there, gate() as egress:
        with pytest.raises(TimeoutError, match="mine"):
            async with egress.get(f"http://{PUBLIC}:{there.port}/", LIMITS):
                raise TimeoutError("mine")


async def test_a_webhook_is_posted_and_the_beginning_of_its_answer_told():
    async def hook(request: web.Request) -> web.Response:
        assert request.headers["Webhook-Id"] == "one"
        assert await request.read() == b'{"type": "message"}'
        return web.Response(status=503, body=b"later" * 1000, headers={"Retry-After": "9"})

    async with site(hook) as there, gate(Book(hook=[[PUBLIC]])) as egress:
        reply = await egress.post(
            f"http://hook.example:{there.port}/",
            b'{"type": "message"}',
            {"Webhook-Id": "one"},
            Limits(most_bytes=10),
        )
        assert (reply.status, reply.body, reply.headers["Retry-After"]) == (503, b"laterlater", "9")
        assert there.requests[0].headers["Host"] == f"hook.example:{there.port}"


async def test_a_header_that_would_make_two_requests_of_one_is_not_sent():
    async with site(text) as there, gate() as egress:
        for headers in (
            {"X": "1\r\n\r\nGET /inside HTTP/1.1"},
            {"Transfer-Encoding": "chunked"},
            {"Host": "a"},
        ):
            with pytest.raises(EgressError) as caught:
                await egress.post(f"http://{PUBLIC}:{there.port}/", b"", headers, LIMITS)
            assert caught.value.code == "header_invalid"
    assert there.connections == []


def certificate(folder: Path, name: str) -> Path:
    """Signed by itself; who trusts it trusts this one alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(pem + signed.public_bytes(serialization.Encoding.PEM))
    return path


async def test_the_certificate_must_be_for_the_host_that_the_customer_named(tmp_path: Path):
    path = certificate(tmp_path, "media.example")
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(path)
    asked: list[str | None] = []
    served.sni_callback = lambda _socket, name, _context: asked.append(name)
    trusting = ssl.create_default_context(cafile=str(path))
    names = Book(media=[[PUBLIC]], other=[[PUBLIC]])
    async with site(text, tls=served) as there:
        async with gate(names, tls=trusting) as egress:
            async with egress.get(f"https://media.example.:{there.port}/", LIMITS) as answer:
                assert await answer.read() == b"a picture"
            assert asked == ["media.example"]
            assert (await trouble(egress, f"https://other.example:{there.port}/"))[0] == "url_tls"
            assert (await trouble(egress, f"https://{PUBLIC}:{there.port}/"))[0] == "url_tls"
        async with gate(names) as egress:
            assert (await trouble(egress, f"https://media.example:{there.port}/"))[0] == "url_tls"
    assert len(there.requests) == 1


async def test_a_server_without_tls_is_told_as_such():
    query = "key=" + "open-sesame"[::-1]  # the traceback shows lines of this file as well
    async with site(text) as there, gate(Book(plain=[[PUBLIC]])) as egress:
        with pytest.raises(EgressError) as caught:
            async with egress.get(f"https://plain.example:{there.port}/?{query}", LIMITS):
                pass
    assert caught.value.code == "url_tls"
    told = "".join(traceback.format_exception(caught.value))
    assert PUBLIC not in told
    assert query not in told
