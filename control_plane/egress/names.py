"""From names to addresses, in threads of its own: slow name servers of customers hold up nobody else."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

# A thread waits for seconds where a customer's name server is silent, and costs next to nothing.
_THREADS = 32


class Names(Protocol):
    async def addresses(self, host: str) -> list[str]:
        """Raises OSError where there are none."""

    def close(self) -> None: ...


class SystemNames:
    def __init__(self, threads: int = _THREADS) -> None:
        self._threads = ThreadPoolExecutor(threads, "egress-names")

    async def addresses(self, host: str) -> list[str]:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _ask, host)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _ask(host: str) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return list(dict.fromkeys(str(place[0]) for *_, place in found))
