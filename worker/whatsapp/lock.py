"""A lock for the library's maps, which have none: calls share it, connect and stop have it alone.

Writers go first: a stream of sends must not keep a stop waiting for ever.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class CallLock:
    def __init__(self) -> None:
        self._condition = asyncio.Condition()
        self._shared = 0
        self._alone = False
        self._waiting_alone = 0

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        async with self._condition:
            await self._condition.wait_for(lambda: not self._alone and not self._waiting_alone)
            self._shared += 1
        try:
            yield
        finally:
            async with self._condition:
                self._shared -= 1
                self._condition.notify_all()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        async with self._condition:
            self._waiting_alone += 1
            try:
                await self._condition.wait_for(lambda: not self._alone and not self._shared)
                self._alone = True
            finally:
                self._waiting_alone -= 1
                self._condition.notify_all()
        try:
            yield
        finally:
            async with self._condition:
                self._alone = False
                self._condition.notify_all()
