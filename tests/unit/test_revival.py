"""A revival that is asked for again while it is under way begins anew, and none is forgotten."""

import asyncio
from collections.abc import Callable

from shared.session_state import SessionState
from worker.whatsapp.port import NotConnected, Refused
from worker.whatsapp.revival import Revival

S = SessionState


class Client:
    """Its connects do what a test says, one after the other."""

    def __init__(self, *connects: Callable[["Client"], None]) -> None:
        self.stopped = asyncio.Event()
        self.revival = Revival(self.connect, self.stopped, patience=0.01)
        self.connects = list(connects)
        self.made = 0

    async def connect(self) -> None:
        self.made += 1
        self.connects.pop(0)(self)

    async def ended(self) -> None:
        task = self.revival._task
        assert task is not None
        await asyncio.wait_for(task, 20)


def comes_up(client: Client) -> None:
    client.revival.heard(S.CONNECTED)


def falls_again_at_once(client: Client) -> None:
    client.revival.heard(S.CONNECTED)
    client.revival.heard(S.RECONNECTING)
    client.revival.begin()


def cannot_be_reached(client: Client) -> None:
    raise Refused("the network cannot be reached")


def is_stopped(client: Client) -> None:
    raise NotConnected


async def revived(*connects: Callable[[Client], None]) -> Client:
    client = Client(*connects)
    client.revival.heard(S.RECONNECTING)
    client.revival.begin()
    await client.ended()
    return client


async def test_it_ends_when_the_client_is_up():
    assert (await revived(comes_up)).made == 1


async def test_one_that_falls_at_the_moment_in_which_it_came_up_is_revived_again():
    assert (await revived(falls_again_at_once, falls_again_at_once, comes_up)).made == 3


async def test_a_network_that_cannot_be_reached_is_tried_again():
    assert (await revived(cannot_be_reached, comes_up)).made == 2


async def test_it_ends_with_its_client():
    assert (await revived(is_stopped)).made == 1


async def test_it_is_allowed_a_few_times_in_ten_minutes():
    client = Client()
    assert [client.revival.allowed() for _ in range(7)] == [True] * 5 + [False] * 2
