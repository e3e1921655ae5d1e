"""Work in threads that is waited for, come what may."""

import asyncio
import threading

import pytest

from shared.files.threads import in_thread


async def test_what_the_thread_gives_or_throws_comes_back():
    assert await in_thread(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await in_thread(divmod, 7, 0)


@pytest.mark.parametrize("fails", [False, True])
async def test_a_cancelled_caller_leaves_only_when_the_thread_has_ended(fails: bool):
    begun, may_end = threading.Event(), threading.Event()
    ended = False

    def work() -> None:
        nonlocal ended
        begun.set()
        may_end.wait(10)
        ended = True
        if fails:
            raise ValueError("nobody waits for this any more")

    task = asyncio.create_task(in_thread(work))
    await asyncio.to_thread(begun.wait, 10)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended
