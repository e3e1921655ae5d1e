"""The fastest server that the load can meet: the same bytes for each request, read by nobody.

`python -m tests.bench.canned_answers PORT`. What it reaches is the most that the load generator can send.
"""

import asyncio
import signal
import sys
from typing import cast

import uvloop

_BODY = b'{"answer":"canned"}'
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
    len(_BODY),
    _BODY,
)


class _Canned(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(
            "asyncio.Transport", transport
        )  # uvloop's is one without being derived from it

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"\r\n\r\n"):
            self._transport.write(_ANSWER)


async def _serve(port: int) -> None:
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with await loop.create_server(_Canned, "127.0.0.1", port):
        await stopping.wait()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
