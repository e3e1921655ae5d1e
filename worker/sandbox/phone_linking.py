"""How a phone makes a client its companion: by the code on its screen, or by letters typed in."""

import asyncio
import base64
from typing import TYPE_CHECKING

from worker.sandbox import link_code
from worker.sandbox.accounts import Account
from worker.sandbox.correspondence import new_message_id
from worker.sandbox.device_identity import Voucher, vouch
from worker.sandbox.devices import Device
from worker.sandbox.faults import PairingTrouble
from worker.sandbox.pairings import PairingError, Registration
from worker.sandbox.signal.curve import KeyPair
from worker.sandbox.wire.jids import SERVER
from worker.sandbox.wire.nodes import Node, node

if TYPE_CHECKING:
    from worker.sandbox.network import Network

_PATIENCE = 30.0


def code_parts(qr_text: str) -> list[str]:
    """First the ref by which the network knows the pairing; an address may stand before all."""
    return qr_text.rpartition("#")[2].split(",")


async def scan(network: "Network", account: Account, identity: KeyPair, qr_text: str) -> Device:
    try:
        ref, *parts = code_parts(qr_text)
        noise_key, companion, secret = (base64.b64decode(part, validate=True) for part in parts[:3])
    except ValueError as error:
        raise PairingError("this is not a code for linking a device") from error
    registration = network.pairings.find(ref)
    if (registration.noise_key, registration.identity) != (noise_key, companion):
        raise PairingError("the code does not belong to the client that shows it")
    _stop_if_troubled(network, registration)
    voucher = _voucher(network, registration, identity, companion, secret)
    return await network.pairings.link(registration, account, voucher)


async def enter_code(network: "Network", account: Account, identity: KeyPair, code: str) -> Device:
    letters = link_code.normalise(code)
    registration, waiting = network.pairings.awaiting_code(account.number)
    if network.faults.of_pairing(registration) is PairingTrouble.PASSKEY:
        # The real network says hello in the phone's name all the same, but without the phone's key.
        registration.connection.send(_primary_hello(network, waiting.ref))
    _stop_if_troubled(network, registration)
    ephemeral = KeyPair.generate()
    wrapped = link_code.wrap(letters, ephemeral.public)
    registration.connection.send(_primary_hello(network, waiting.ref, wrapped, identity.public))
    async with asyncio.timeout(_PATIENCE):
        bundle = await waiting.key_bundle
    companion_ephemeral = link_code.unwrap(letters, waiting.wrapped_key)
    try:
        companion, secret = link_code.open_bundle(bundle, ephemeral, companion_ephemeral, identity)
    except ValueError as error:
        raise PairingError("the code is not the one that the client shows") from error
    voucher = _voucher(network, registration, identity, companion, secret)
    return await network.pairings.link(registration, account, voucher)


def _stop_if_troubled(network: "Network", registration: Registration) -> None:
    reason = network.faults.stops_pairing(registration)
    if reason is not None:
        raise PairingError(reason)


def _voucher(
    network: "Network", registration: Registration, identity: KeyPair, companion: bytes, secret: bytes
) -> Voucher:
    if network.faults.of_pairing(registration) is PairingTrouble.FORGED:
        companion = KeyPair.generate().public
    return vouch(identity, companion, secret, network.clock, network.chance)


def _primary_hello(network: "Network", ref: str, wrapped: bytes = b"", identity: bytes = b"") -> Node:
    children = [node("link_code_pairing_ref", content=ref.encode())]
    if wrapped:
        children += [
            node("link_code_pairing_wrapped_primary_ephemeral_pub", content=wrapped),
            node("primary_identity_pub", content=identity),
        ]
    attrs = {
        "from": SERVER,
        "type": "link_code_companion_reg",
        "id": new_message_id(network.chance),
        "t": network.clock.seconds(),
    }
    child = node("link_code_companion_reg", {"stage": "primary_hello"}, children)
    return node("notification", attrs, [child])
