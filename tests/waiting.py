"""Waiting for what another task or process brings about: by looking, with an end, never by a fixed sleep."""

import asyncio
import time
from collections.abc import Awaitable, Callable


async def until(holds: Callable[[], Awaitable[bool]], *, within: float = 10) -> None:
    """Its end is its own clock: a cancellation alone may be swallowed by a client library that is called."""
    end = time.monotonic() + within
    async with asyncio.timeout(within + 5):
        while not await holds():
            if time.monotonic() > end:
                raise TimeoutError(f"it did not come about within {within} s")
            await asyncio.sleep(0.02)
