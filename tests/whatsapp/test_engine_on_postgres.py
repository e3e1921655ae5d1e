"""Engines on the shared store: taken over without a scan, and fenced off when their epoch is over."""

import asyncio
from pathlib import Path

import pytest

from shared.contracts.told import Fenced
from shared.ids import Epoch
from shared.redaction import Secret
from shared.session_state import SessionState
from tests.whatsapp.engine import Engine
from tests.whatsapp.pair import Pair
from tests.whatsapp.test_store import Fence, fence, store_url
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox
from worker.whatsapp.stores import PostgresStore

__all__ = ["fence", "store_url"]

ROWS = "SELECT md5(string_agg(s::text, '' ORDER BY their_id)) FROM whatsapp_store.whatsmeow_sessions s"


class StoredPair(Pair):
    """Anna's session, on the shared store, in an engine at an epoch."""

    def __init__(self, engine: Engine, phone: Phone, fence: Fence, epoch: int) -> None:
        self.fence = fence
        self.epoch = epoch
        address = PostgresStore(Secret(fence.url)).address(fence.session_id, Epoch(epoch))
        super().__init__(engine, phone, address)
        self.session = str(fence.session_id)

    async def resume(self, device_jid: str) -> None:
        answer = await self.engine.start(self.session, self.store, device_jid, self.epoch)
        assert answer.problem is None, answer
        await self.state(SessionState.CONNECTED)


@pytest.fixture
async def first(sandbox: Sandbox, anna: Phone, fence: Fence, tmp_path: Path):
    await fence.raise_to(1)
    async with Engine(sandbox, tmp_path / "first.log") as engine:
        pair = StoredPair(engine, anna, fence, 1)
        await pair.scan()
        yield pair


async def exchange(pair: Pair, ben: Phone, text: str) -> None:
    sent = await pair.engine.send_text(pair.session, f"{ben.number}@s.whatsapp.net", text)
    assert sent.sent is not None, sent
    assert (await asyncio.wait_for(ben.next_message(), 20)).text == text


async def test_another_process_takes_over_without_a_scan(
    first: StoredPair, sandbox: Sandbox, ben: Phone, tmp_path: Path
):
    await exchange(first, ben, "from the first")
    await first.fence.raise_to(2)
    async with Engine(sandbox, tmp_path / "second.log") as engine:
        second = StoredPair(engine, first.phone, first.fence, 2)
        await second.resume(first.device_jid)
        await exchange(second, ben, "from the second")


async def test_a_client_whose_epoch_is_over_changes_no_row_and_closes_itself(first: StoredPair, ben: Phone):
    await exchange(first, ben, "while it owns the session")
    await first.fence.raise_to(2)
    before = await first.fence.run(ROWS)
    await ben.send_text(first.phone, "its answer would have to be written down")
    await first.engine.told(first.session, Fenced)
    assert await first.fence.run(ROWS) == before
    assert await first.fence.refusals() > 0
    late = await first.engine.send_text(first.session, f"{ben.number}@s.whatsapp.net", "late")
    assert late.problem == "not_connected"


async def test_a_session_that_is_deleted_while_it_runs_leaves_no_credentials(first: StoredPair, ben: Phone):
    await exchange(first, ben, "while it owns the session")
    assert await first.fence.run(
        "SELECT whatsapp_store.forget_device($1, $2)", first.session, first.device_jid
    )
    await first.fence.run("DELETE FROM whatsapp_store.fences WHERE session_id = $1", first.session)
    await ben.send_text(first.phone, "its answer would have to be written down")
    await first.engine.told(first.session, Fenced)
    assert await first.fence.run("SELECT count(*) FROM whatsapp_store.whatsmeow_sessions") == 0
    assert await first.fence.run("SELECT count(*) FROM whatsapp_store.whatsmeow_device") == 0


async def test_no_secret_of_the_store_stands_in_the_engines_log(first: StoredPair, ben: Phone):
    await exchange(first, ben, "a text that nobody should read in a log")
    log = first.engine.log.read_text()
    assert "a text that nobody" not in log
    assert ben.number not in log
    password = first.fence.url.partition("@")[0].rpartition(":")[2]
    assert password not in log
