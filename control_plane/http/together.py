"""Commands of calls that come at the same moment travel to Redis together: one round trip for all of them."""

import asyncio
from typing import Any

from redis.asyncio import Redis

_AT_ONCE = 200

Waiting = tuple[tuple[Any, ...], "asyncio.Future[Any]"]


class Together:
    """While some are under way the next ones gather, so the busier a process is, the fewer trips it makes."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: list[Waiting] = []
        self._going: asyncio.Task[None] | None = None

    async def ask(self, *command: Any) -> Any:
        """What Redis says to it; an error is this command's alone, or that of the connection."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, answer))
        if self._going is None or self._going.done():
            self._going = asyncio.create_task(self._go())
        return await answer

    async def _go(self) -> None:
        while self._waiting:
            some, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
            for (_, future), answer in zip(some, await self._answers(some), strict=True):
                if future.done():
                    continue  # whoever asked has gone
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)

    async def _answers(self, some: list[Waiting]) -> list[Any]:
        try:
            if len(some) == 1:
                command: Any = self._redis.execute_command
                return [await command(*some[0][0])]
            async with self._redis.pipeline(transaction=False) as pipe:
                for words, _ in some:
                    pipe.execute_command(*words)
                return await pipe.execute(raise_on_error=False)
        except Exception as error:
            return [error] * len(some)
