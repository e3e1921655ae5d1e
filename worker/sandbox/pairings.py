"""Clients that want to become somebody's companion, from the first code to the signed device."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from worker.sandbox import stanzas
from worker.sandbox.accounts import Account
from worker.sandbox.connection import Connection
from worker.sandbox.device_identity import SignedIdentity, Voucher
from worker.sandbox.devices import Device, DeviceName
from worker.sandbox.faults import PairingTrouble
from worker.sandbox.signal.prekeys import SignedPreKey
from worker.sandbox.wire.jids import SERVER
from worker.sandbox.wire.nodes import Node, node

if TYPE_CHECKING:
    from worker.sandbox.network import Network

_PATIENCE = 30.0
_LENIENCE = 2.0


class PairingError(Exception):
    """The phone says so to its owner: the code is wrong, too old, or the companion refused."""


@dataclass(slots=True)
class LinkCode:
    """What the companion left for the phone whose number it named; the code itself it shows to a person."""

    ref: str
    number: str
    wrapped_key: bytes
    key_bundle: asyncio.Future[bytes]


@dataclass(slots=True)
class Registration:
    connection: Connection
    noise_key: bytes
    identity: bytes
    registration_id: int
    signed_prekey: SignedPreKey
    refs: list[str]
    since: float
    link_code: LinkCode | None = None
    question: str = ""
    signing: asyncio.Future[SignedIdentity] | None = None
    # Of this pairing alone, whichever of its codes is scanned; it ends with the connection.
    trouble: PairingTrouble | None = None


class Pairings:
    def __init__(self, network: "Network") -> None:
        self._network = network
        self._chance = network.chance.of("pairings")
        self._open: dict[Connection, Registration] = {}

    def offer(self, connection: Connection, noise_key: bytes, data: Any) -> None:
        """Sends the refs that the client shows as codes, one after the other."""
        refs = [f"2@{self._chance.token(96)}" for _ in range(self._network.options.qr_codes)]
        signed = SignedPreKey(int.from_bytes(data.eSkeyID, "big"), data.eSkeyVal, data.eSkeySig)
        registration_id = int.from_bytes(data.eRegid, "big")
        self._open[connection] = Registration(
            connection, noise_key, data.eIdent, registration_id, signed, refs, self._network.clock.elapsed()
        )
        codes = [node("ref", content=ref.encode()) for ref in refs]
        connection.send(self._question(self._new_id(), node("pair-device", content=codes)))

    def find(self, ref: str) -> Registration:
        """Whose code this is, while it may be scanned."""
        registration = self.of_code(ref)
        self._check_age(registration, registration.refs.index(ref))
        return registration

    def of_code(self, ref: str) -> Registration:
        """However old the code is: the client that showed it shows another by now."""
        for registration in self._open.values():
            if ref in registration.refs:
                return registration
        raise PairingError("nobody shows this code any more")

    def of_connection(self, connection: Connection) -> Registration | None:
        return self._open.get(connection)

    def awaiting_code(self, number: str) -> tuple[Registration, LinkCode]:
        """The latest companion that asked to be linked to this number by a code."""
        for registration in reversed(self._open.values()):
            if registration.link_code and registration.link_code.number == number:
                return registration, registration.link_code
        raise PairingError(f"no companion waits for a code from {number}")

    async def link(self, registration: Registration, account: Account, voucher: Voucher) -> Device:
        """The phone has vouched; the companion signs; then it must log in as what it is now."""
        device = Device(
            DeviceName(account.number, self._network.devices.next_number(account)),
            registration.noise_key,
            registration.identity,
            registration.registration_id,
            registration.signed_prekey,
        )
        # Devices are linked only when the companion has signed: one that refuses leaves nothing behind.
        registration.question = self._new_id()
        registration.signing = asyncio.get_running_loop().create_future()
        success = _pair_success(account, device, voucher.container)
        registration.connection.send(self._question(registration.question, success))
        async with asyncio.timeout(_PATIENCE):
            signed = await registration.signing
        if not signed.is_by(device.identity, voucher.account_key):
            raise PairingError("the companion's signature does not fit its identity")
        self._network.account_life.link(account, device)
        registration.connection.end("paired", stanzas.stream_error(515))
        return device

    def answered(self, connection: Connection, stanza: Node) -> None:
        """The companion's answer to the pair-success, when that is what this stanza is."""
        registration = self._open.get(connection)
        if registration is None or registration.signing is None or registration.signing.done():
            return
        if stanza.text("id") != registration.question:
            return
        sign = stanza.child("pair-device-sign")
        if stanza.text("type") == "result" and sign is not None:
            registration.signing.set_result(SignedIdentity.parse(sign.data("device-identity")))
        else:
            error = stanza.child("error")
            registration.signing.set_exception(
                PairingError(f"the companion refused: {error.text('text') if error else 'no reason'}")
            )

    def abandoned(self, connection: Connection) -> None:
        registration = self._open.pop(connection, None)
        if registration is None:
            return
        link_code = registration.link_code
        for waiting in (registration.signing, link_code.key_bundle if link_code else None):
            if waiting is not None and not waiting.done():
                waiting.set_exception(PairingError("the companion left"))
                # Nobody may be waiting any more; the loop must not complain about that.
                waiting.exception()

    def _check_age(self, registration: Registration, position: int) -> None:
        options = self._network.options
        shown = options.first_code_seconds + options.code_seconds * position
        if self._network.clock.elapsed() - registration.since > shown + _LENIENCE:
            raise PairingError("this code is too old")

    def _question(self, question: str, child: Node) -> Node:
        now = self._network.clock.seconds()
        return node("iq", {"from": SERVER, "type": "set", "xmlns": "md", "id": question, "t": now}, [child])

    def _new_id(self) -> str:
        return str(self._chance.below(10**9))


def _pair_success(account: Account, device: Device, container: bytes) -> Node:
    number = device.name.device
    addresses = {
        "jid": account.phone_jid.with_device(number),
        "lid": account.lid_jid.with_device(number),
    }
    children = [
        node("device", addresses),
        node("platform", {"name": "android"}),
        node("device-identity", content=container),
    ]
    return node("pair-success", content=children)
