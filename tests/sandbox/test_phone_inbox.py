"""The inbox of a phone: everything once, in order, and never more than fits."""

import asyncio

from worker.sandbox.phone_inbox import Inbox

MANY = 12_000


async def test_each_item_is_taken_once_and_stays_to_be_looked_at() -> None:
    inbox: Inbox[int] = Inbox(1)
    for number in range(3):
        inbox.put(number)
    assert [await inbox.take() for _ in range(3)] == [0, 1, 2]
    assert [item for _, item in inbox.after(0, 10)] == [0, 1, 2]
    assert list(inbox) == [2, 1, 0]


async def test_who_takes_early_gets_what_comes_later_and_nobody_else_does() -> None:
    inbox: Inbox[int] = Inbox(1)
    takers = [asyncio.create_task(inbox.take()) for _ in range(2)]
    await asyncio.sleep(0)
    for number in range(2):
        inbox.put(number)
    assert sorted(await asyncio.gather(*takers)) == [0, 1]


async def test_a_full_inbox_lets_the_oldest_go_and_keeps_the_positions() -> None:
    inbox: Inbox[int] = Inbox(1)
    for number in range(MANY):
        inbox.put(number)
    kept = inbox.after(0, MANY)
    assert len(kept) < MANY
    assert [item for _, item in kept] == list(range(MANY - len(kept), MANY))
    (position, last) = kept[-1]
    assert inbox.after(position - 1, 10) == [(position, last)]
    assert inbox.after(position, 10) == []
    assert inbox.after(position + 1_000, 10) == []
    assert await inbox.take() == kept[0][1]


async def test_who_waits_at_an_empty_inbox_keeps_nobody_else_waiting() -> None:
    inbox: Inbox[int] = Inbox(1)
    waiting = asyncio.create_task(inbox.wait_for_more(0, 30))
    await asyncio.sleep(0)
    assert not waiting.done()
    inbox.put(7)
    await asyncio.wait_for(waiting, 5)
    await asyncio.wait_for(inbox.wait_for_more(inbox.after(0, 1)[0][0], 0.01), 5)


def test_positions_of_a_later_start_are_higher() -> None:
    earlier, later = Inbox[int](1), Inbox[int](2)
    for _ in range(MANY):
        earlier.put(0)
    later.put(0)
    assert earlier.after(0, MANY)[-1][0] < later.after(0, 1)[0][0]
