"""Work at a given pace, whether what was begun before has ended or not."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

Found = TypeVar("Found")


async def paced(
    works: Sequence[Callable[[], Awaitable[Found]]], per_second: float, seconds: float
) -> list[Found]:
    """They take turns."""
    tasks: list[asyncio.Task[Found]] = []
    began = time.perf_counter()
    turns = itertools.cycle(works)
    for number in range(int(per_second * seconds)):
        await asyncio.sleep(began + number / per_second - time.perf_counter())
        tasks.append(asyncio.ensure_future(_timely(next(turns))))
    return await asyncio.gather(*tasks)


async def _timely(work: Callable[[], Awaitable[Found]]) -> Found:
    return await work()
