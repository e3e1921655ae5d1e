"""A session's own proxy: used where it works, refused in plain words where it does not, and never told."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from shared.contracts.messages import FileKind
from shared.session_state import SessionState
from tests.whatsapp.engine import Engine, new_session
from tests.whatsapp.pair import Pair
from tests.whatsapp.test_files import prepared
from tests.whatsapp.test_sending import read
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox
from worker.whatsapp.port import Proxy, Refused
from worker.whatsapp.proxies import Way

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
SECRET = "a-password-that-nobody-should-read"


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[int]:
    """Whoever is still connected at the end is cut off."""
    serving: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            serving.discard(task)

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


async def pumped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


class SocksProxy:
    """With a name and a password; behind it the client goes on to the emulated network's own proxy."""

    def __init__(self) -> None:
        self.targets: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, count = await reader.readexactly(2)
        assert 2 in await reader.readexactly(count)
        writer.write(b"\x05\x02")
        _, length = await reader.readexactly(2)
        name = await reader.readexactly(length)
        password = await reader.readexactly((await reader.readexactly(1))[0])
        right = (name, password) == (b"anna", SECRET.encode())
        writer.write(bytes([1, not right]))
        if not right:
            return
        *_, form = await reader.readexactly(4)
        if form == 1:
            host = ".".join(map(str, await reader.readexactly(4)))
        else:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        port = int.from_bytes(await reader.readexactly(2), "big")
        self.targets.append(f"{host}:{port}")
        there, back = await asyncio.open_connection(host, port)
        writer.write(b"\x05\x00\x00\x01" + bytes(6))
        await asyncio.gather(pumped(reader, back), pumped(there, writer), return_exceptions=True)


async def test_a_session_goes_through_its_own_proxy(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
):
    front = sandbox.proxy.removeprefix("http://").split(":")
    asked: list[bytes] = []

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        asked.append(request.split()[1])
        there, back = await asyncio.open_connection(front[0], int(front[1]))
        back.write(request)
        await asyncio.gather(pumped(reader, back), pumped(there, writer), return_exceptions=True)

    async with listening(forward) as port, Engine(sandbox, tmp_path / "engine.log") as engine:
        proxy = Proxy(url=f"http://127.0.0.1:{port}")
        paired = await Pair(engine, anna, str(tmp_path / "a.db")).scan(proxy)
        await paired.send(ben, prepared(tmp_path, FileKind.IMAGE))
        await read(ben)
    assert asked[:3] == [b"web.whatsapp.com:443"] * 3  # to try it, to pair, and to log in
    assert len(set(asked)) == 2  # files go to a host of their own


async def test_a_socks_proxy_with_a_password_carries_everything(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
):
    socks = SocksProxy()
    async with listening(socks.serve) as port, Engine(sandbox, tmp_path / "engine.log") as engine:
        proxy = Proxy(url=f"socks5://anna:{SECRET}@127.0.0.1:{port}")
        paired = await Pair(engine, anna, str(tmp_path / "a.db")).scan(proxy)
        await ben.send_text(paired.phone, "hello")
        await paired.heard()
        assert {f"http://{target}" for target in socks.targets} == {sandbox.proxy}
        assert len(socks.targets) >= 3  # to try it, to pair, and to log in
    assert SECRET not in (tmp_path / "engine.log").read_text()


async def refused(engine: Engine, url: str) -> str:
    answer = await engine.start(new_session(), str(engine.log.parent / "x.db"), proxy=Proxy(url=url))
    assert answer.problem == "refused", answer
    assert SECRET not in answer.words
    return answer.words


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:1080",
        "ftp://{secret}@127.0.0.1",
        "http://",
        "http://x:{secret}@",
        "http://x:{secret}@127.0.0.1:99999",
        "http://x:{secret}@127.0.0.1:0",
        "http://x:{secret} y@127.0.0.1:80",
        "http://x:{secret}\r\n@127.0.0.1:80",
        "socks5://x:{secret}@127.0.0.1/path",
        "http://x:{secret}@[::1",
        "http://x%zz:{secret}@127.0.0.1:9",
        "http://ü:{secret}@127.0.0.1",
    ],
)
async def test_an_address_of_a_wrong_form_is_refused_without_being_told(engine: Engine, url: str):
    words = await refused(engine, url.format(secret=SECRET))
    assert "proxy" in words
    assert SECRET not in engine.log.read_text()


async def test_a_proxy_that_is_not_there_is_told_as_such(engine: Engine, unused_port: int):
    for scheme in ("http", "socks5"):
        words = await refused(engine, f"{scheme}://anna:{SECRET}@127.0.0.1:{unused_port}")
        assert words == "the proxy cannot be reached: nobody listens there"
    assert SECRET not in engine.log.read_text()


@pytest.fixture
async def unused_port() -> int:
    async def nobody(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None: ...

    async with listening(nobody) as port:
        pass
    return port


def answering(*answers: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.read(1024)
            writer.write(answer)
            await writer.drain()
        await reader.read(1024)

    return serve


@pytest.mark.parametrize(
    ("scheme", "answers", "words"),
    [
        ("http", [b"HTTP/1.1 407 Who are you?\r\n\r\n"], "name and password"),
        ("http", [b"HTTP/1.1 403 Forbidden\r\n\r\n"], "answered 403"),
        ("http", [b"220 smtp.example.com\r\n"], "nothing that is HTTP"),
        ("http", [b""], "hung up"),
        ("socks5", [b"\x05\xff"], "name and password"),
        ("socks5", [b"\x05\x02", b"\x01\x01"], "name and password"),
        ("socks5", [b"\x04\x5b"], "none for SOCKS 5"),
        ("socks5", [b"\x05\x00", b"\x05\x02"], "answered 2"),
    ],
)
async def test_a_proxy_that_does_not_let_us_through_says_why(scheme: str, answers: list[bytes], words: str):
    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)

    async with listening(answering(*answers) if answers != [b""] else closing) as port:
        way = Way.through(Proxy(url=f"{scheme}://anna:{SECRET}@127.0.0.1:{port}"))
        with pytest.raises(Refused, match=words) as caught:
            await way.probe()
        assert SECRET not in str(caught.value)


async def test_a_name_and_a_password_are_given_as_they_are_meant():
    asked: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set_result(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

    async with listening(serve) as port:
        await Way.through(Proxy(url=f"http://an%40na:p%3Aw@127.0.0.1:{port}")).probe()
    credentials = base64.b64encode(b"an@na:p:w")
    assert b"Proxy-Authorization: Basic " + credentials in await asked


async def test_a_proxy_that_never_answers_holds_up_nobody(paired: Pair, ben: Phone):
    reached = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        reached.set()
        while await reader.read(1024):
            pass

    async with listening(silent) as port:
        proxy = Proxy(url=f"http://127.0.0.1:{port}")
        store = str(paired.engine.log.parent / "silent.db")
        starting = asyncio.create_task(paired.engine.start(new_session(), store, proxy=proxy))
        await asyncio.wait_for(reached.wait(), 20)
        # Another session of the same engine works, stops and starts meanwhile.
        await paired.send(ben, "meanwhile")
        assert (await paired.engine.stop(paired.session)).problem is None
        again = Pair(paired.engine, paired.phone, paired.store)
        await again.engine.start(again.session, again.store, paired.device_jid)
        await again.state(SessionState.CONNECTED)
        assert not starting.done()
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)


async def test_a_proxy_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("worker.whatsapp.proxies._PATIENCE", 0.1)
    async with listening(answering(b"", b"")) as port:
        for scheme in ("http", "socks5"):
            with pytest.raises(Refused, match="the proxy does not answer"):
                await Way.through(Proxy(url=f"{scheme}://127.0.0.1:{port}")).probe()


def test_the_engines_own_proxy_is_tried_where_a_session_has_none():
    assert Way.through(None, {}).parts is None
    for given in ("http://127.0.0.1:3128", "127.0.0.1:3128"):
        way = Way.through(None, {"HTTPS_PROXY": given})
        assert way.parts is not None
        assert (way.parts.hostname, way.parts.port) == ("127.0.0.1", 3128)
