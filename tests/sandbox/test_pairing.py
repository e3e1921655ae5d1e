"""A new client becomes a companion, by a code on its screen or by letters typed into the phone."""

from pathlib import Path

import pytest

from tests.sandbox.client import companion, paired_jid, running_client
from tests.sandbox.conftest import new_number
from worker.sandbox.options import Options
from worker.sandbox.pairings import PairingError
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox


async def test_a_client_pairs_by_qr_and_is_connected(sandbox: Sandbox, anna: Phone, tmp_path: Path) -> None:
    async with running_client(sandbox, tmp_path) as client:
        await client.call("connect")
        qr = await client.event("qr")

        device = await anna.scan(qr["data"])

        assert await paired_jid(client) == f"{anna.number}:1"
        await client.event("connected")
        assert [companion.name for companion in anna.companions] == [device.name]
        assert sandbox.network.devices.count_prekeys(device.name) > 0


async def test_a_client_pairs_by_a_code_typed_into_the_phone(
    sandbox: Sandbox, anna: Phone, tmp_path: Path
) -> None:
    async with running_client(sandbox, tmp_path) as client:
        await client.call("connect")
        await client.event("qr")
        code = await client.call("pair_phone", number=anna.number)

        device = await anna.enter_pairing_code(code.lower())

        assert await paired_jid(client) == str(device.name)
        await client.event("connected")


async def test_a_wrong_pairing_code_links_nothing(sandbox: Sandbox, anna: Phone, tmp_path: Path) -> None:
    async with running_client(sandbox, tmp_path) as client:
        await client.call("connect")
        await client.event("qr")
        code = await client.call("pair_phone", number=anna.number)
        wrong = ("2" if code[0] == "1" else "1") + code[1:]
        with pytest.raises(PairingError, match="not the one"):
            await anna.enter_pairing_code(wrong)
        assert anna.companions == []


async def test_a_number_without_an_account_gets_no_pairing_code(sandbox: Sandbox, tmp_path: Path) -> None:
    async with running_client(sandbox, tmp_path) as client:
        await client.call("connect")
        await client.event("qr")
        with pytest.raises(RuntimeError, match="PairPhoneError"):
            await client.call("pair_phone", number="4915559999999")


async def test_codes_are_renewed_and_run_out(tmp_path: Path) -> None:
    """The client's own timers show each of two codes for 20 s; no clock of ours can hurry them."""
    options = Options(qr_codes=2, first_code_seconds=20)
    async with Sandbox(tmp_path / "network", options=options) as sandbox:
        anna = await sandbox.network.new_phone("4915551234567")
        async with running_client(sandbox, tmp_path) as client:
            await client.call("connect")
            first = (await client.event("qr"))["data"]
            second = (await client.event("qr", within=25))["data"]
            assert first != second
            status = await client.event("login_status", within=25)
            assert status["status"] == "timeout"
            for code in (first, second):
                with pytest.raises(PairingError):
                    await anna.scan(code)


async def test_the_second_code_works_and_the_first_is_then_too_old(tmp_path: Path) -> None:
    options = Options(qr_codes=2, first_code_seconds=17)
    async with Sandbox(tmp_path / "network", options=options) as sandbox:
        anna = await sandbox.network.new_phone("4915551234567")
        async with running_client(sandbox, tmp_path) as client:
            await client.call("connect")
            first = (await client.event("qr"))["data"]
            second = (await client.event("qr", within=25))["data"]
            with pytest.raises(PairingError, match="too old"):
                await anna.scan(first)
            device = await anna.scan(second)
            assert await paired_jid(client) == str(device.name)
            await client.event("connected")


@pytest.mark.parametrize("text", ["", "hello", "2@abc,x,y,z,1", "https://wa.me/x#2@abc,eA==,eA==,eA==,1"])
async def test_what_is_no_code_of_this_network_is_refused(anna: Phone, text: str) -> None:
    with pytest.raises(PairingError):
        await anna.scan(text)


async def test_a_client_that_leaves_before_the_scan_leaves_nothing(
    sandbox: Sandbox, anna: Phone, tmp_path: Path
) -> None:
    async with running_client(sandbox, tmp_path) as client:
        await client.call("connect")
        code = (await client.event("qr"))["data"]
    with pytest.raises(PairingError):
        await anna.scan(code)


async def test_one_account_links_several_clients(
    sandbox: Sandbox, anna: Phone, folders: tuple[Path, Path]
) -> None:
    async with (
        companion(sandbox, anna, folders[0]) as (first, one),
        companion(sandbox, anna, folders[1]) as (second, two),
    ):
        assert [one.device, two.device] == [1, 2]
        ben = await sandbox.network.new_phone(new_number())
        await ben.send_text(anna, "to all of you")
        texts = [(await client.event("message"))["text"] for client in (first, second)]
        assert texts == ["to all of you"] * 2
