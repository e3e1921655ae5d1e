"""The uplink, with a real spool and over real HTTP: order, lanes, repetitions, and what is told once."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shared.contracts.fleet import Register, UplinkBatch
from shared.contracts.messages import ReceivedMessage, Text
from shared.contracts.told import HistoryReceived, Paired, PresenceSeen, QrShown, Told
from shared.ids import Epoch, SessionId, new_uuid
from shared.redaction import Secret
from tests.agent.stand_in import JOIN_TOKEN, PATIENCE, StandInControlPlane, running_stand_in
from worker.control_client import ControlClient
from worker.engines.session_spec import SessionSpec
from worker.spool import Lane, Spool
from worker.uplink import Uplink
from worker.whatsapp.stores import SqliteStore

PAIRED = Paired(device_jid="4915550000001:2@s.whatsapp.net", business_name="", platform="")


@dataclass
class Parts:
    plane: StandInControlPlane
    spool: Spool
    client: ControlClient
    uplink: Uplink
    spec: SessionSpec
    shipped: list[int]

    def append(self, told: Told) -> "asyncio.Future[int]":
        return self.spool.append(self.spec.session, Epoch(1), told)

    async def flushed(self) -> None:
        await asyncio.wait_for(self.uplink.flush(), PATIENCE)

    async def register(self) -> None:
        await self.client.register(Register(worker_id="one", endpoint="http://127.0.0.1:1", version="1"))
        self.uplink.hurry()


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    spec = SessionSpec(
        session_id=SessionId(new_uuid()),
        epoch=Epoch(1),
        network="sandbox",
        store=SqliteStore(tmp_path),
        device_jid=None,
        device_name="Waypost test",
    )
    async with running_stand_in() as plane, Spool(tmp_path / "spool.sqlite3") as spool:
        client, shipped = ControlClient(plane.url, Secret(JOIN_TOKEN)), list[int]()
        uplink = Uplink(spool, client, shipped.append)
        running = asyncio.create_task(uplink.run())
        yield Parts(plane, spool, client, uplink, spec, shipped)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await client.close()


def seen(number: int) -> PresenceSeen:
    return PresenceSeen(sender="1@lid", available=True, last_seen=number)


def qr(number: int) -> QrShown:
    return QrShown(code=f"code {number}", number=number, seconds=60)


def history(text: str) -> HistoryReceived:
    message: dict[str, Any] = dict.fromkeys(("chat", "sender"), "1@lid")
    message |= {"whatsapp_id": "A1", "timestamp": 1, "from_me": False, "content": Text(text=text)}
    fields = {field.name for field in msgspec.structs.fields(ReceivedMessage)}
    return HistoryReceived(
        kind="recent",
        progress=1,
        messages=(ReceivedMessage(**{name: value for name, value in message.items() if name in fields}),),
    )


def numbers(parts: Parts) -> list[int]:
    return [event.told.last_seen for event in parts.plane.events() if isinstance(event.told, PresenceSeen)]


async def test_what_waited_arrives_in_order_and_leaves_the_spool(parts: Parts):
    for number in range(1200):
        parts.append(seen(number))
    assert await parts.append(seen(1200)) == 1201
    await parts.register()
    await parts.flushed()
    assert numbers(parts) == list(range(1201))
    assert [len(batch.events) for batch in parts.plane.batches] == [500, 500, 201]
    assert (await parts.spool.count(), parts.spool.waiting(), parts.shipped[-1]) == (0, 0, 1201)


async def test_a_batch_whose_answer_was_lost_is_sent_again_to_the_byte(parts: Parts):
    parts.append(seen(1))
    await parts.append(seen(2))
    parts.plane.lost_answers = 1
    await parts.register()
    await parts.plane.until(lambda: bool(parts.plane.batches))
    await parts.append(seen(3))
    await parts.flushed()
    first, second = parts.plane.bodies[:2]
    assert first == second
    assert numbers(parts) == [1, 2, 3]


async def test_while_nobody_answers_everything_is_kept(parts: Parts):
    parts.plane.refusals["events"] = [(503, "not_ready"), (500, "internal"), (401, "unauthorized")]
    await parts.append(seen(1))
    await parts.register()
    await parts.flushed()
    assert numbers(parts) == [1]


async def test_history_waits_until_nothing_else_does(parts: Parts):
    await parts.append(history("old times"))
    for number in range(600):
        parts.append(seen(number))
    await parts.append(history("older times"))
    await parts.register()
    await parts.flushed()
    kinds = [{type(event.told) for event in batch.events} for batch in parts.plane.batches]
    assert kinds == [{PresenceSeen}, {PresenceSeen}, {HistoryReceived}]


async def test_each_lane_is_a_spool_whose_positions_rise(parts: Parts):
    await parts.append(history("old times"))
    await parts.append(seen(1))
    await parts.register()
    await parts.flushed()
    names = [batch.spool for batch in parts.plane.batches]
    assert names == [parts.spool.id, f"{parts.spool.id}-history"]
    assert parts.shipped == [2]


async def test_large_events_travel_in_small_batches(parts: Parts):
    for _ in range(4):
        await parts.append(history("x" * 400_000))
    await parts.register()
    await parts.flushed()
    assert [len(batch.events) for batch in parts.plane.batches] == [1, 1, 1, 1]


async def test_one_event_that_is_never_taken_holds_up_no_other(parts: Parts):
    for number in range(4):
        await parts.append(seen(number))
    # The four, then two, then the first alone.
    parts.plane.refusals["events"] = [(422, "invalid"), (422, "invalid"), (422, "invalid")]
    await parts.register()
    await parts.flushed()
    assert numbers(parts) == [1, 2, 3]
    assert parts.spool._connection().execute("SELECT position FROM refused").fetchall() == [(1,)]


async def test_a_code_goes_at_once_and_is_not_kept(parts: Parts):
    await parts.register()
    parts.uplink.heard(parts.spec, qr(1), None)
    assert (await parts.plane.told(QrShown)).number == 1
    assert [event.position for event in parts.plane.events()] == [0]
    assert await parts.spool.count() == 0


async def test_only_the_newest_code_is_told_when_it_could_not_be_told_before(parts: Parts):
    for number in range(1, 4):
        parts.uplink.heard(parts.spec, qr(number), None)
    await parts.register()
    assert (await parts.plane.told(QrShown)).number == 3
    assert len(parts.plane.events()) == 1


async def test_a_code_that_was_scanned_is_told_no_more(parts: Parts):
    parts.uplink.heard(parts.spec, qr(1), None)
    parts.uplink.heard(parts.spec, PAIRED, None)
    await parts.register()
    other = dataclasses.replace(parts.spec, session_id=SessionId(new_uuid()))
    parts.uplink.heard(other, qr(2), None)
    assert (await parts.plane.told(QrShown)).number == 2
    assert [event.session_id for event in parts.plane.events()] == [other.session]


async def test_the_name_of_a_spool_outlives_its_process(tmp_path: Path):
    async with Spool(tmp_path / "spool.sqlite3") as spool:
        name = spool.id
        await spool.append("one", Epoch(1), history("old times"))
        await spool.append("one", Epoch(1), seen(1))
    async with Spool(tmp_path / "spool.sqlite3") as again:
        assert (again.id, again.waiting(), again.waiting(Lane.NEWS)) == (name, 2, 1)
    async with Spool(tmp_path / "other.sqlite3") as other:
        assert other.id != name


async def test_a_spool_of_an_earlier_form_keeps_its_events(tmp_path: Path):
    path = tmp_path / "spool.sqlite3"
    async with Spool(path) as spool:
        await spool.append("one", Epoch(1), seen(1))
        spool._connection().execute("DROP INDEX ix_events_lane")
        spool._connection().execute("ALTER TABLE events DROP COLUMN lane")
        spool._connection().execute("PRAGMA user_version = 1")
    async with Spool(path) as again:
        assert [event.told for event in await again.read(lane=Lane.NEWS)] == [seen(1)]


def test_a_batch_is_read_back_as_it_was_sent():
    batch = UplinkBatch(spool="one", events=())
    assert msgspec.json.decode(msgspec.json.encode(batch), type=UplinkBatch) == batch
