"""The lock around the library's maps: shared calls together, one connect or stop alone, writers first."""

import asyncio
import random

import pytest

from worker.whatsapp.lock import CallLock


async def test_nobody_else_is_inside_while_one_is_alone():
    lock, inside, alone_inside, seen = CallLock(), 0, 0, []
    chance = random.Random(1)

    async def call() -> None:
        nonlocal inside
        async with lock.shared():
            assert not alone_inside
            inside += 1
            seen.append(inside)
            await asyncio.sleep(0)
            inside -= 1

    async def change() -> None:
        nonlocal alone_inside
        async with lock.alone():
            assert not inside
            assert not alone_inside
            alone_inside += 1
            await asyncio.sleep(0)
            alone_inside -= 1

    work = [call] * 200 + [change] * 50
    chance.shuffle(work)
    async with asyncio.timeout(10):
        await asyncio.gather(*(one() for one in work))
    assert max(seen) > 1


async def test_a_stop_goes_before_calls_that_come_after_it():
    lock, order, begun, go_on = CallLock(), [], asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with lock.shared():
            begun.set()
            await go_on.wait()

    async def stop() -> None:
        async with lock.alone():
            order.append("stop")

    async def late() -> None:
        async with lock.shared():
            order.append("late")

    running = [asyncio.create_task(first())]
    await begun.wait()
    running.append(asyncio.create_task(stop()))
    await asyncio.sleep(0)
    running.append(asyncio.create_task(late()))
    await asyncio.sleep(0)
    go_on.set()
    async with asyncio.timeout(10):
        await asyncio.gather(*running)
    assert order == ["stop", "late"]


@pytest.mark.parametrize("kind", ["shared", "alone"])
async def test_whoever_gives_up_waiting_leaves_no_trace(kind: str):
    lock = CallLock()
    async with lock.alone():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                async with getattr(lock, kind)():
                    pass
    async with asyncio.timeout(10):
        async with lock.shared(), lock.shared():
            pass
        async with lock.alone():
            pass
