"""With a seed and a clock that stands still, what a network draws and tells is the same again."""

from pathlib import Path

import pytest

from tests.sandbox.client import companion, running_client
from tests.sandbox.raw_client import inside_tls
from worker.sandbox.chance import Chance
from worker.sandbox.clock import Clock, SetClock
from worker.sandbox.library import ClientPayload
from worker.sandbox.options import Options
from worker.sandbox.pairings import PairingError
from worker.sandbox.sandbox import Sandbox
from worker.sandbox.wire.decoding import decode

# The first second of 2030.
START = 1_893_456_000


async def test_the_same_seed_draws_the_same_network(tmp_path: Path) -> None:
    one, other = [await _drawn(tmp_path / name, "a seed") for name in ("one", "other")]
    assert one == other


async def test_another_seed_or_none_draws_another_network(tmp_path: Path) -> None:
    drawn = [await _drawn(tmp_path / f"{seed}", seed) for seed in ("a seed", "another", None)]
    for things in zip(*drawn, strict=True):
        assert len(set(things)) == 3


async def test_a_restarted_network_does_not_draw_the_same_again(tmp_path: Path) -> None:
    numbers, ids = [], []
    for _ in range(3):
        async with Sandbox(tmp_path, options=Options(seed="a seed")) as sandbox:
            phone = await sandbox.network.new_phone()
            numbers.append(phone.number)
            ids.append(await sandbox.network.phone(numbers[0]).send_text(phone, "hello"))
    assert len(set(numbers)) == len(set(ids)) == 3


def test_what_one_draws_changes_nothing_for_another() -> None:
    quiet, busy = Chance("a seed"), Chance("a seed")
    busy.of("something else").draw(100)
    busy.below(10)
    assert quiet.of("this").token(20) == busy.of("this").token(20)


def test_a_drawn_key_pair_signs_and_agrees_as_any_other() -> None:
    one, other = Chance("one").key_pair(), Chance("other").key_pair()
    assert one.agree(other.public) == other.agree(one.public)


async def test_a_code_older_than_the_client_shows_it_is_refused(tmp_path: Path) -> None:
    clock = SetClock(START)
    async with (
        Sandbox(tmp_path / "network", options=Options(clock=clock)) as sandbox,
        running_client(sandbox, tmp_path) as client,
    ):
        anna = await sandbox.network.new_phone()
        await client.call("connect")
        code = (await client.event("qr"))["data"]
        clock.advance(120)
        with pytest.raises(PairingError, match="too old"):
            await anna.scan(code)


async def test_the_clock_is_in_everything_that_clients_and_the_journal_are_told(tmp_path: Path) -> None:
    clock = SetClock(START)
    async with Sandbox(tmp_path / "network", options=Options(clock=clock)) as sandbox:
        anna, ben = await sandbox.network.new_phone(), await sandbox.network.new_phone()
        async with companion(sandbox, anna, tmp_path) as (client, device):
            for later in (0, 3600):
                clock.advance(later)
                await ben.send_text(anna, f"{later} s later")
                # The library has it in milliseconds.
                assert (await client.event("message"))["timestamp"] == clock.seconds() * 1000
                await client.call("send", to=ben.number, text="and back")
                assert (await ben.next_message()).timestamp == int(clock.now())
            group = await ben.new_group("Later", anna)
            assert group.created == START + 3600
        entries = sandbox.network.journal.entries(device=device)
        assert {entry.at for entry in entries} <= {START, START + 3600}


def test_a_clock_set_back_makes_nothing_younger() -> None:
    clock = SetClock(START)
    clock.advance(10)
    clock.set(START - 100)
    assert (clock.seconds(), clock.elapsed()) == (START - 100, 10)
    clock.advance(1)
    assert clock.elapsed() == 11


def test_the_clock_of_the_machine_goes_on() -> None:
    clock = Clock()
    assert clock.elapsed() <= clock.elapsed()
    assert clock.seconds() <= clock.now()


async def _drawn(folder: Path, seed: str | None) -> list[object]:
    async with Sandbox(folder, options=Options(seed=seed)) as sandbox:
        network = sandbox.network
        anna, ben = await network.new_phone(), await network.new_phone()
        group = await anna.new_group("Draws", ben)
        return [
            sandbox.root_key,
            anna.number,
            anna.account.lid,
            anna.keys.identity,
            anna.keys.registration_id,
            anna.keys.bundle().one_time,
            ben.keys.identity,
            group.group_id,
            await anna.send_text(ben, "hello"),
            await _refs(sandbox),
        ]


async def _refs(sandbox: Sandbox) -> tuple[bytes, ...]:
    """What a client shows as codes."""
    async with inside_tls(sandbox) as client:
        await client.upgrade()
        payload = ClientPayload()
        payload.devicePairingData.eIdent = bytes(32)
        _, receiving = await client.shake_hands(payload.SerializeToString())
        stanza = decode(receiving.decrypt(await client.receive()), sandbox.network._dictionary)
    pairing = stanza.child("pair-device")
    assert pairing
    refs = tuple(ref.content for ref in pairing.all("ref") if isinstance(ref.content, bytes))
    assert len(refs) == 6
    return refs
