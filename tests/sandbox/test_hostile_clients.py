"""What no honest client does ends its own connection, with a line in the log, and nothing else."""

import logging
from pathlib import Path

import pytest

from tests.sandbox.client import companion
from tests.sandbox.raw_client import inside_tls, through_proxy
from worker.sandbox.library import ClientPayload
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox
from worker.sandbox.wire.frames import PROLOGUE, frame

GARBAGE = [
    b"GET / HTTP/1.0",
    PROLOGUE + frame(b"not a handshake"),
    PROLOGUE + frame(b""),
    bytes(100),
]


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_garbage_instead_of_a_handshake(
    sandbox: Sandbox, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with inside_tls(sandbox) as client:
        await client.upgrade()
        client.send(garbage)
        assert await client.is_closed()
    assert _one_warning(caplog)


async def test_a_client_that_leaves_in_the_middle_of_a_frame(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    async with inside_tls(sandbox) as client:
        await client.upgrade()
        client.send(PROLOGUE + frame(b"a frame that is cut")[:-5])
        client.writer.write_eof() if client.writer.can_write_eof() else client.writer.close()
        assert await client.is_closed()


@pytest.mark.parametrize("stanza", [b"", b"\x00\xf8", b"\x02no zlib", b"\x00\xf8\x02\x13\xfc\xff", bytes(50)])
async def test_a_hostile_stanza_after_an_honest_handshake(
    sandbox: Sandbox, stanza: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with inside_tls(sandbox) as client:
        await client.upgrade()
        sending, _ = await client.shake_hands(_registration())
        client.send(frame(sending.encrypt(stanza)))
        assert await client.is_closed()
    assert _one_warning(caplog)


async def test_a_stanza_that_does_not_decrypt(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    async with inside_tls(sandbox) as client:
        await client.upgrade()
        await client.shake_hands(_registration())
        client.send(frame(b"never encrypted by anyone"))
        assert await client.is_closed()
    assert "does not decrypt" in _one_warning(caplog)


async def test_a_login_as_somebody_else_is_refused(sandbox: Sandbox, anna: Phone, tmp_path: Path) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, device):
        async with inside_tls(sandbox) as stranger:
            await stranger.upgrade()
            payload = ClientPayload(username=int(anna.number), device=device.device)
            await stranger.shake_hands(payload.SerializeToString())
            assert await stranger.is_closed()
        assert device in sandbox.network.online
        assert not client.has("stream_replaced")


async def test_the_proxy_leads_nowhere_else(sandbox: Sandbox) -> None:
    for request in ("CONNECT example.org:443 HTTP/1.1", "GET http://example.org/ HTTP/1.1"):
        async with through_proxy(sandbox) as client:
            client.writer.write(request.encode() + b"\r\n\r\n")
            assert b" 403 " in await client.reader.readuntil(b"\r\n\r\n")


async def test_others_notice_nothing(sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        for garbage in GARBAGE:
            async with inside_tls(sandbox) as hostile:
                await hostile.upgrade()
                hostile.send(garbage)
                assert await hostile.is_closed()
        await ben.send_text(anna, "all is well")
        assert (await client.event("message"))["text"] == "all is well"
        assert not client.has("disconnected")


def _registration() -> bytes:
    payload = ClientPayload()
    payload.devicePairingData.eRegid = b"\0\0\0\1"
    return bytes(payload.SerializeToString())


def _one_warning(caplog: pytest.LogCaptureFixture) -> str:
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    (line,) = (line for line in lines if line.startswith("sandbox_connection_ended"))
    assert lines == [line]
    return line
