"""Waiting for what another task or process brings about: by looking, with an end, never by a fixed sleep."""

import asyncio
from collections.abc import Awaitable, Callable


async def until(holds: Callable[[], Awaitable[bool]], *, within: float = 10) -> None:
    async with asyncio.timeout(within):
        while not await holds():
            await asyncio.sleep(0.02)
