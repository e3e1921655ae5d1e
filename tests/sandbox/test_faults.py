"""Everything that the network does to clients that they would rather not see."""

from pathlib import Path

import pytest

from tests.sandbox.client import Client, companion, running_client
from tests.waiting import until
from worker.sandbox.devices import DeviceName
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox


async def test_a_client_comes_back_after_what_passes(sandbox: Sandbox, anna: Phone, tmp_path: Path) -> None:
    faults = sandbox.network.faults
    async with companion(sandbox, anna, tmp_path) as (client, device):
        for cause in (
            lambda: faults.close(device),
            lambda: faults.stream_error(device, 503),
            lambda: faults.fail(device, 503),
        ):
            cause()
            await client.event("disconnected")
            await client.event("connected")
        faults.stream_error(device, 599)
        assert (await client.event("stream_error"))["code"] == "599"
        await client.event("connected")


async def test_a_replaced_client_stays_away(sandbox: Sandbox, anna: Phone, tmp_path: Path) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, device):
        sandbox.network.faults.replace(device)
        await client.event("stream_replaced")
        await _is_away(sandbox, client, device)
    assert [entry for entry in sandbox.network.journal.replacements() if entry.device == str(device)] == []


async def test_the_second_client_of_a_device_replaces_the_first(
    sandbox: Sandbox, anna: Phone, tmp_path: Path
) -> None:
    async with (
        companion(sandbox, anna, tmp_path) as (first, device),
        running_client(sandbox, tmp_path, str(device)) as second,
    ):
        await second.call("connect")
        await second.event("connected")
        await first.event("stream_replaced")
        replaced = [entry.device for entry in sandbox.network.journal.replacements()]
        assert replaced.count(str(device)) == 1


async def test_a_client_that_the_phone_logs_out_must_pair_anew(
    sandbox: Sandbox, anna: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, device):
        await anna.log_out(anna.companions[0])
        assert (await client.event("logged_out"))["on_connect"] is False
        await _is_away(sandbox, client, device)
        assert anna.companions == []


async def test_a_client_logged_out_while_away_learns_when_it_comes(
    sandbox: Sandbox, anna: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, device):
        await client.call("stop")
    await anna.log_out(anna.companions[0])
    async with running_client(sandbox, tmp_path, str(device)) as client:
        await client.call("connect")
        assert (await client.event("logged_out"))["on_connect"] is True


async def test_a_client_that_logs_itself_out_is_gone(sandbox: Sandbox, anna: Phone, tmp_path: Path) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, device):
        await client.call("log_out")
        await _is_away(sandbox, client, device)
        assert anna.companions == []


async def test_a_banned_client_is_told_how_long(sandbox: Sandbox, anna: Phone, tmp_path: Path) -> None:
    faults = sandbox.network.faults
    async with companion(sandbox, anna, tmp_path) as (client, device):
        faults.ban(device, code=101, seconds=3600)
        ban = await client.event("temporary_ban")
        # The library counts the reasons from 1: 101 is the first.
        assert (ban["code"], ban["expire"]) == (1, 3600)
        await _is_away(sandbox, client, device)
    async with running_client(sandbox, tmp_path, str(device)) as client:
        await client.call("connect")
        await client.event("temporary_ban")
    faults.heal(device)
    async with running_client(sandbox, tmp_path, str(device)) as client:
        await client.call("connect")
        await client.event("connected")


async def test_an_outdated_client_is_told(sandbox: Sandbox, anna: Phone, tmp_path: Path) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, device):
        sandbox.network.faults.outdate(device)
        await client.event("client_outdated")
        await _is_away(sandbox, client, device)


async def test_a_message_whose_ack_is_lost_has_arrived_all_the_same(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, device):
        await client.call("send", to=ben.number, text="with ack")
        await ben.next_message()
        sandbox.network.faults.drop_acks(device)
        with pytest.raises(TimeoutError):
            await client.call("send", to=ben.number, text="without ack", within=2)
        assert (await ben.next_message()).text == "without ack"


async def test_a_deaf_network_takes_and_gives_nothing_until_healed(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, device):
        sandbox.network.faults.deafen(device)
        await ben.send_text(anna, "into the void")
        with pytest.raises(TimeoutError):
            await client.call("send", to=ben.number, text="nobody hears", within=2)
        assert not client.has("message")

        sandbox.network.faults.heal(device)
        sandbox.network.faults.close(device)
        assert (await client.event("message"))["text"] == "into the void"


async def test_a_slow_network_delivers_late(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, device):
        sandbox.network.faults.slow_down(device, 1.0)
        await ben.send_text(anna, "late")
        with pytest.raises(AssertionError):
            await client.event("message", within=0.7)
        assert (await client.event("message"))["text"] == "late"
        sandbox.network.faults.heal(device)


async def _is_away(sandbox: Sandbox, client: Client, device: DeviceName) -> None:
    async def gone() -> bool:
        return device not in sandbox.network.online and not await client.call("is_connected")

    await until(gone)
