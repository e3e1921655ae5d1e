"""Pairings that come to nothing, and all that a client learns of why."""

from pathlib import Path

import pytest

from tests.sandbox.client import Client, paired_jid, running_client
from worker.sandbox.faults import Faults
from worker.sandbox.pairings import PairingError
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox


async def by_qr(client: Client, phone: Phone) -> None:
    await phone.scan((await client.event("qr"))["data"])


async def by_letters(client: Client, phone: Phone) -> None:
    await client.event("qr")
    await phone.enter_pairing_code(await client.call("pair_phone", number=phone.number))


@pytest.fixture
async def network(tmp_path: Path):
    async with Sandbox(tmp_path / "network") as sandbox:
        yield sandbox


@pytest.mark.parametrize("attempt", [by_qr, by_letters])
@pytest.mark.parametrize(
    ("trouble", "refusal", "status"),
    [
        pytest.param(
            Faults.demand_passkey, "asks for a passkey", "passkey-request", id="asked for a passkey"
        ),
        pytest.param(Faults.forge_vouchers, "signature-mismatch", "error", id="not signed for it"),
        pytest.param(Faults.outdate_pairings, "version", "err-client-outdated", id="too old"),
    ],
)
async def test_a_client_is_told_why_it_is_linked_to_nobody(
    network: Sandbox, tmp_path: Path, trouble, refusal: str, status: str, attempt
) -> None:
    anna = await network.network.new_phone("4915551234567")
    trouble(network.network.faults)
    async with running_client(network, tmp_path) as client:
        await client.call("connect")
        with pytest.raises(PairingError, match=refusal):
            await attempt(client, anna)
        assert (await client.event("login_status"))["status"] == status
        assert anna.companions == []


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
