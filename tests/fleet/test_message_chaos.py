"""Messages both ways while everything is killed: judged by the network's log and the workers' journals."""

import asyncio
import random
import sqlite3
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deploy.local.postgres import EmbeddedPostgres
from deploy.local.valkey import EmbeddedValkey
from shared.contracts.commands import CommandAnswer, Outcome
from tests.fleet.conftest import Tell
from tests.fleet.leases import SHORT
from tests.fleet.message_faults import Faults
from tests.fleet.message_traffic import Accepted, Line, Traffic
from tests.fleet.own_servers import postgres, valkey
from tests.fleet.stage import Stage
from tests.waiting import until

__all__ = ["postgres", "valkey"]

WORKERS, LINES = ("worker-1", "worker-2"), 4
A_SECOND = 20
_FINAL = frozenset({"sent", "delivered", "read", "played", "uncertain", "failed"})


@dataclass(frozen=True)
class Length:
    rounds: int
    messages: int


@pytest.fixture(
    params=[
        pytest.param(Length(6, 30), id="short"),
        pytest.param(Length(30, 200), id="long", marks=pytest.mark.chaos),
    ]
)
def length(request: pytest.FixtureRequest) -> Length:
    found: Length = request.param
    return found


@pytest.fixture
async def fleet(postgres: EmbeddedPostgres, valkey: EmbeddedValkey, tmp_path: Path) -> AsyncIterator[Stage]:
    opened = Stage(
        tmp_path,
        postgres.url,
        {**SHORT.settings, "WAYPOST_REDIS_URL": valkey.url, "WAYPOST_ACCESS_TOKEN_SECONDS": "7200"},
    )
    try:
        await opened.open()
        for worker in WORKERS:
            await opened.start_worker(worker)
        yield opened
    finally:
        await opened.close()


async def new_line(fleet: Stage, number: int) -> Line:
    name, friend = f"shop-{number}", f"+49151000000{number:02}"
    await fleet.new_session(name)
    await fleet.network.make_phone(friend)
    return Line(name, (await fleet.session(name))["phone"], friend)


async def test_whatever_is_killed_nothing_accepted_is_lost_doubled_or_overtaken(
    fleet: Stage, postgres: EmbeddedPostgres, valkey: EmbeddedValkey, length: Length, tell: Tell
):
    seed = random.randrange(1_000_000)
    lines = [await new_line(fleet, number) for number in range(1, LINES + 1)]
    traffic = Traffic(fleet, lines, pause=LINES / A_SECOND)
    faults = Faults(fleet, postgres, valkey.url, seed)
    began = asyncio.get_running_loop().time()
    traffic.start()
    for _ in range(length.rounds):
        before = faults.moment(length.messages)
        await traffic.more(before)
        await faults.one()
        await traffic.more(length.messages - before)
    await traffic.end()
    seconds = asyncio.get_running_loop().time() - began
    await fleet.connected(*(line.session for line in lines), within=120)
    statuses: Counter[str] = Counter()
    for line in lines:
        statuses += await _check_sent(fleet, line)
    lost: list[str] = []
    unread: list[str] = []
    for line in lines:
        found = await _received(fleet, line)
        assert [kept for kept in found.values() if len(kept) > 1] == [], line.session
        lost += [text for message_id, text in line.written.items() if message_id not in found]
        for message_id, (message, *_) in found.items():
            if message["type"] == "undecryptable":
                unread.append(line.written[message_id])
            else:
                assert message["text"] == line.written[message_id]
    written = sum(len(line.written) for line in lines)
    tell(
        f"seed {seed}: {dict(faults.done)} in {seconds:.0f} s; {traffic.accepted} accepted: {dict(statuses)};"
        f" {written} written to us, {len(lost)} of them lost before they were on the disk: {lost},"
        f" and {len(unread)} told as unreadable: {unread}"
    )
    # The library confirms a message before we see it: what a kill catches in between is nowhere else.
    hard = faults.done["worker"] + faults.done["engine"]
    assert len(lost) <= hard * LINES
    # It cannot read without its store, and says so of each message.
    assert len(unread) <= (hard + faults.done["postgres"]) * LINES * A_SECOND


async def _check_sent(fleet: Stage, line: Line) -> Counter[str]:
    final = await _all_final(fleet, line)
    inbox = await fleet.network.inbox(line.friend, line.phone)
    times = Counter(inbox)
    # The library puts a message before the network again when its reader asks for it sealed anew: its id is
    # what makes it one.
    devices = await fleet.network.devices_of(line.phone)
    taken = {entry["messageId"] for entry in devices if entry["kind"] == "message"}
    unread = 0
    assert [text for text, count in times.items() if count > 1] == [], line.session
    assert line.refused == []
    for accepted in line.accepted:
        message = final[accepted.id]
        if message["status"] == "uncertain":
            assert _is_open(fleet, accepted), message
        else:
            assert message["status"] != "failed", message
            assert message["whatsappMessageId"] in taken, message
            if times[accepted.text] == 0:
                # The network took it, and a client that was killed cannot seal it anew for its reader.
                assert message["status"] == "sent", message
                unread += 1
    open_ends = sum(message["status"] == "uncertain" for message in final.values())
    assert len(taken - {message["whatsappMessageId"] for message in final.values()}) <= open_ends, (
        line.session
    )
    numbers = [int(text.rsplit(" ", 1)[1]) for text in inbox]
    assert numbers == sorted(numbers), f"{line.session}: {numbers}"
    statuses = Counter(message["status"] for message in final.values())
    return statuses + Counter({"sent, and unreadable to its reader": unread})


async def _all_final(fleet: Stage, line: Line) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}

    async def all_are() -> bool:
        for accepted in line.accepted:
            known = found.get(accepted.id)
            if known is None or known["status"] not in _FINAL or known["status"] == "uncertain":
                found[accepted.id] = await fleet.call("GET", f"/v1/messages/{accepted.id}", 200)
        return all(message["status"] in _FINAL for message in found.values())

    await until(all_are, within=120)
    return found


def _is_open(fleet: Stage, accepted: Accepted) -> bool:
    """A worker began to send it, and does not know itself how that ended."""
    for worker in WORKERS:
        with sqlite3.connect(
            f"file:{fleet.folder / worker / 'journal.sqlite3'}?mode=ro", uri=True
        ) as journal:
            rows = journal.execute(
                "SELECT state, answer FROM attempts WHERE message = ?", (accepted.id.removeprefix("msg-"),)
            ).fetchall()
        for state, raw in rows:
            answer = msgspec.msgpack.decode(raw, type=CommandAnswer) if raw is not None else None
            if state == "begun" and (answer is None or answer.outcome is Outcome.UNCERTAIN):
                return True
    return False


async def _received(fleet: Stage, line: Line) -> dict[str, list[dict[str, Any]]]:
    """What is stored of what the friend wrote; after the last of it, everything that comes has come."""
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)

    async def the_last_is_there() -> bool:
        found.clear()
        cursor = ""
        while True:
            path = f"/v1/sessions/{line.session}/messages?direction=inbound&limit=200&cursor={cursor}"
            page = await fleet.call("GET", path, 200)
            for message in page["items"]:
                found[message["whatsappMessageId"]].append(message)
            cursor = page["nextCursor"]
            if not cursor:
                return list(line.written)[-1] in found

    await until(the_last_is_there, within=60)
    return found
