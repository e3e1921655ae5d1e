"""Work on files, off the event loop."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")


async def in_thread(work: Callable[Given, Result], *arguments: Given.args, **named: Given.kwargs) -> Result:
    """Waits for its end even when cancelled: who gave up would close or delete what the thread still uses."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *arguments, **named))
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        # Looked at, so that nobody is told of a failure that nobody waited for.
        task.exception()
        raise asyncio.CancelledError
    return task.result()
