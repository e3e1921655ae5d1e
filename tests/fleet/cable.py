"""A worker in a network of its own, whose only way out is a cable that can be pulled: then nobody is told."""

import asyncio
import secrets
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from urllib.parse import SplitResult, urlsplit

from tests import run_folder
from tests.fleet.cable_child import GATE, ISLAND
from tests.fleet.relay import Ends, Relay, Unanswered, listener
from tests.fleet.stage import Stage

_PATIENCE = 20.0
_WORKER_PORT = 7000
_NEW_NETWORK = ("unshare", "--user", "--map-root-user", "--net", "--")


class NoNamespaces(Exception):  # noqa: N818 (what this machine does not permit)
    """Why no network namespace can be made here."""


class Cable:
    """`before` puts a process on the far end."""

    def __init__(self, control: socket.socket, island: int, stack: AsyncExitStack) -> None:
        self._control = control
        self._stack = stack
        target = ("--target", str(island), "--user", "--net", "--preserve-credentials")
        self.before = ("nsenter", *target, "--")

    def pull(self) -> None:
        """Packets are dropped from now on; no connection is closed."""
        self._ask("down")

    def put_back(self) -> None:
        self._ask("up")

    async def settings(self, stage: Stage) -> dict[str, str]:
        """Of a worker that reaches all others through the cable, and is reached by them."""
        control_plane = await self._way_out(f"http://127.0.0.1:{stage.port}")
        store = await self._way_out(stage.database_url)
        proxy = await self._way_out(stage.sandbox["proxy"])
        relay = await self._stack.enter_async_context(Relay(listener(), self._reach_the_worker))
        return {
            "WAYPOST_CONTROL_PLANE_URL": control_plane.geturl(),
            # This address is not the machine's own, and the PostgreSQL of the tests speaks no TLS.
            "WAYPOST_STORE_URL": store._replace(query="sslmode=disable").geturl(),
            "WAYPOST_SANDBOX_PROXY": proxy.geturl(),
            "WAYPOST_WORKER_HOST": ISLAND,
            "WAYPOST_WORKER_PORT": str(_WORKER_PORT),
            "WAYPOST_WORKER_ENDPOINT": f"http://127.0.0.1:{relay.port}",
        }

    async def _way_out(self, url: str) -> SplitResult:
        parts = urlsplit(url)
        made = self._ask("listen")
        assert made is not None
        reach = partial(asyncio.open_connection, parts.hostname, parts.port)
        relay = await self._stack.enter_async_context(Relay(made, reach))
        login, at, _ = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{login}{at}{GATE}:{relay.port}")

    async def _reach_the_worker(self) -> Ends:
        made = self._ask("socket")
        assert made is not None
        made.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(made, (ISLAND, _WORKER_PORT))
            return await asyncio.open_connection(sock=made)
        except BaseException as error:
            made.close()
            if isinstance(error, OSError) and not isinstance(error, ConnectionRefusedError):
                raise Unanswered from None
            raise

    def _ask(self, words: str) -> socket.socket | None:
        """Waits for milliseconds, and so is never cancelled with a socket in its hand."""
        self._control.send(words.encode())
        answer, descriptors, _, _ = socket.recv_fds(self._control, 100, 1)
        if not answer:
            raise NoNamespaces(f"the cable's process has ended when it was asked for: {words}")
        return socket.socket(fileno=descriptors[0]) if descriptors else None


@asynccontextmanager
async def cable() -> AsyncIterator[Cable]:
    """NoNamespaces where the machine does not permit one."""
    if missing := [program for program in ("unshare", "nsenter", "ip") if shutil.which(program) is None]:
        raise NoNamespaces(f"there is no {' and no '.join(missing)}")
    log = run_folder.logs() / f"cable-{secrets.token_hex(4)}.log"
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(_PATIENCE)
    async with AsyncExitStack() as stack:
        stack.callback(ours.close)
        with theirs, log.open("a") as output:
            process = await asyncio.create_subprocess_exec(
                *(*_NEW_NETWORK, sys.executable, "-m", "tests.fleet.cable_child", str(theirs.fileno())),
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        stack.push_async_callback(_end, process, ours)
        told = await asyncio.to_thread(ours.recv, 100)
        if not told:
            raise NoNamespaces(" ".join(log.read_text().split())[-300:])
        relays = await stack.enter_async_context(AsyncExitStack())
        yield Cable(ours, int(told), relays)


async def _end(process: asyncio.subprocess.Process, ours: socket.socket) -> None:
    """By itself when it is asked nothing more; the second namespace ends with it."""
    ours.close()
    try:
        async with asyncio.timeout(_PATIENCE):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
