"""While the spool is full nothing is fetched from the network, which keeps it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.contracts.told import PresenceSeen, QrShown
from shared.ids import Epoch
from shared.redaction import Secret
from tests.agent.stand_in import JOIN_TOKEN
from tests.agent.worker import start_order
from tests.engines.node import WatchedNode, running_node
from tests.sandbox.conftest import anna, sandbox
from tests.waiting import until
from worker.board import Board
from worker.control_client import ControlClient
from worker.orders import Orders
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox
from worker.spool_guard import SpoolGuard

__all__ = ["anna", "sandbox"]


@pytest.fixture
async def node(sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[WatchedNode]:
    async with running_node(sandbox, tmp_path) as running:
        yield running


async def test_clients_stop_while_it_is_full_and_may_start_when_there_is_room(node: WatchedNode, anna: Phone):
    client = ControlClient("http://127.0.0.1:1", Secret(JOIN_TOKEN))
    spool, board = node.node.spool, Board()
    orders = Orders(node.node, board, client)
    node.node.recorders.append(
        lambda spec, told, written: board.heard(spec.session, spec.epoch, told, written)
    )
    order = start_order()
    orders.start((order,))
    await anna.scan((await node.told(QrShown)).code)
    await node.connected()
    guard = SpoolGuard(node.node, orders, board, spool.waiting() + 100)
    running = asyncio.create_task(guard.run())
    assert guard.trouble == ""
    for _ in range(100):
        written = spool.append(
            order.session_id, Epoch(1), PresenceSeen(sender="1@lid", available=True, last_seen=0)
        )
    assert "wait to be shipped" in guard.trouble
    await until(lambda: _has(node, 0), within=20)
    orders.start((start_order(),))
    assert orders.takes_none
    assert not node.node.engines.sessions
    await spool.trim(await written)
    await until(lambda: _takes(orders), within=20)
    orders.find_missing()
    orders.start((start_order(),))
    await until(lambda: _has(node, 1))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await client.close()


async def _has(node: WatchedNode, count: int) -> bool:
    return len(node.node.engines.sessions) == count


async def _takes(orders: Orders) -> bool:
    return not orders.takes_none
