"""Pairings that come to nothing, and all that a client learns of why."""

from pathlib import Path

import pytest

from tests.sandbox.client import Client, paired_jid, running_client
from worker.sandbox.pairings import PairingError
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox


async def by_qr(client: Client, phone: Phone) -> None:
    await phone.scan((await client.event("qr"))["data"])


async def by_letters(client: Client, phone: Phone) -> None:
    await client.event("qr")
    await phone.enter_pairing_code(await client.call("pair_phone", number=phone.number))


WAYS = pytest.mark.parametrize("attempt", [by_qr, by_letters])


@pytest.fixture
async def network(tmp_path: Path):
    async with Sandbox(tmp_path / "network") as sandbox:
        yield sandbox


@WAYS
async def test_a_client_that_is_asked_for_a_passkey_is_told_so_and_linked_to_nobody(
    network: Sandbox, tmp_path: Path, attempt
) -> None:
    anna = await network.network.new_phone("4915551234567")
    network.network.faults.demand_passkey()
    async with running_client(network, tmp_path) as client:
        await client.call("connect")
        with pytest.raises(PairingError, match="asks for a passkey"):
            await attempt(client, anna)
        assert (await client.event("login_status"))["status"] == "passkey-request"
        assert anna.companions == []


@WAYS
async def test_a_client_refuses_what_was_not_signed_for_it(network: Sandbox, tmp_path: Path, attempt) -> None:
    anna = await network.network.new_phone("4915551234567")
    network.network.faults.forge_vouchers()
    async with running_client(network, tmp_path) as client:
        await client.call("connect")
        with pytest.raises(PairingError, match="signature-mismatch"):
            await attempt(client, anna)
        assert (await client.event("login_status"))["status"] == "error"
        assert anna.companions == []


@WAYS
async def test_a_client_that_is_too_old_learns_it_while_it_pairs(
    network: Sandbox, tmp_path: Path, attempt
) -> None:
    anna = await network.network.new_phone("4915551234567")
    network.network.faults.outdate_pairings()
    async with running_client(network, tmp_path) as client:
        await client.call("connect")
        with pytest.raises(PairingError, match="version"):
            await attempt(client, anna)
        assert (await client.event("login_status"))["status"] == "err-client-outdated"


async def test_a_healed_network_pairs_again(network: Sandbox, tmp_path: Path) -> None:
    anna, faults = await network.network.new_phone("4915551234567"), network.network.faults
    faults.demand_passkey()
    async with running_client(network, tmp_path) as client:
        await client.call("connect")
        code = (await client.event("qr"))["data"]
        with pytest.raises(PairingError):
            await anna.scan(code)
        faults.heal_pairings()
        # The code is still good, but the client has given up its secret with the first attempt.
        with pytest.raises(PairingError, match="hmac-mismatch"):
            await anna.scan(code)
    folder = tmp_path / "second"
    folder.mkdir()
    async with running_client(network, folder) as client:
        await client.call("connect")
        await by_qr(client, anna)
        await paired_jid(client)
        await client.event("connected")
