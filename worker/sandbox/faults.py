"""Trouble on purpose: everything the real network does to clients that they would rather not see."""

from enum import Enum, auto
from typing import TYPE_CHECKING

import msgspec

from worker.sandbox import passkeys, stanzas
from worker.sandbox.connection import Connection
from worker.sandbox.devices import DeviceName
from worker.sandbox.wire.nodes import Node

if TYPE_CHECKING:
    from worker.sandbox.network import Network
    from worker.sandbox.pairings import Registration


class PairingTrouble(Enum):
    PASSKEY = auto()
    FORGED = auto()
    OUTDATED = auto()


class _Trouble(msgspec.Struct):
    deaf: bool = False
    delay: float = 0.0
    drop_acks: bool = False
    limit: int | None = None
    refusal: Node | None = None


class Faults:
    """Each call concerns one device; `heal` ends what lasts."""

    def __init__(self, network: "Network") -> None:
        self._network = network
        self._troubles: dict[DeviceName, _Trouble] = {}
        self.pairing: PairingTrouble | None = None

    def replace(self, device: DeviceName) -> None:
        """As if the same device had logged in elsewhere."""
        self._end(device, "replaced on purpose", stanzas.stream_error(401, "replaced"))

    def log_out(self, device: DeviceName) -> None:
        """The phone removes the companion, for good."""
        connection = self._network.online.get(device)
        self._network.account_life.unlink(device)
        if connection is not None:
            connection.end("logged out", stanzas.stream_error(401, "device_removed"))

    def ban(self, device: DeviceName, *, code: int = 101, seconds: int = 3600) -> None:
        """Until healed, every log-in meets the same answer."""
        self._refuse(device, stanzas.failure(402, code=code, expire=seconds))

    def outdate(self, device: DeviceName) -> None:
        """The client's version is no longer accepted, until healed."""
        self._refuse(device, stanzas.failure(405))

    def fail(self, device: DeviceName, reason: int = 503) -> None:
        """A failure of the moment; the next log-in is welcome."""
        self._end(device, f"failure {reason}", stanzas.failure(reason))

    def stream_error(self, device: DeviceName, code: int = 503) -> None:
        self._end(device, f"stream error {code}", stanzas.stream_error(code))

    def close(self, device: DeviceName) -> None:
        """The connection ends without a word."""
        self._end(device, "closed")

    def deafen(self, device: DeviceName) -> None:
        """The connection stands, but nothing is heard and nothing answered."""
        self._trouble(device).deaf = True
        self._applied(device)

    def slow_down(self, device: DeviceName, seconds: float) -> None:
        """Every stanza to the device takes so long."""
        self._trouble(device).delay = seconds
        self._applied(device)

    def drop_acks(self, device: DeviceName) -> None:
        """Messages are accepted and passed on, but the sender never learns."""
        self._trouble(device).drop_acks = True

    def limit_to(self, device: DeviceName, code: int = 429) -> None:
        """What the device sends is refused with this number, and passed on to nobody."""
        self._trouble(device).limit = code

    def demand_passkey(self) -> None:
        """No pairing goes further than the scan or the letters: the client is asked for a passkey."""
        self.pairing = PairingTrouble.PASSKEY

    def forge_vouchers(self) -> None:
        """What vouches for a new companion is signed for another one; honest clients refuse it."""
        self.pairing = PairingTrouble.FORGED

    def outdate_pairings(self) -> None:
        """Clients are told in the middle of their pairing that their version is no longer accepted."""
        self.pairing = PairingTrouble.OUTDATED

    def heal_pairings(self) -> None:
        self.pairing = None

    def heal(self, device: DeviceName) -> None:
        self._troubles.pop(device, None)
        self._applied(device)

    def refusal(self, device: DeviceName) -> Node | None:
        return self._troubles.get(device, _Trouble()).refusal

    def of_pairing(self, registration: "Registration") -> PairingTrouble | None:
        """Its own trouble, else that of all pairings."""
        return registration.trouble or self.pairing

    def stops_pairing(self, registration: "Registration") -> str | None:
        """Why this pairing goes no further, after the client was told; None when it does."""
        connection = registration.connection
        match self.of_pairing(registration):
            case PairingTrouble.PASSKEY:
                connection.send(passkeys.request(self._network.clock, self._network.chance))
                return "the network asks for a passkey"
            case PairingTrouble.OUTDATED:
                connection.end("outdated", stanzas.failure(405))
                return "the network no longer accepts this client's version"
        return None

    def drops_acks(self, device: DeviceName) -> bool:
        return self._troubles.get(device, _Trouble()).drop_acks

    def limit(self, device: DeviceName) -> int | None:
        return self._troubles.get(device, _Trouble()).limit

    def apply(self, connection: Connection) -> None:
        if connection.device is not None:
            trouble = self._troubles.get(connection.device, _Trouble())
            connection.deaf, connection.delay = trouble.deaf, trouble.delay

    def _trouble(self, device: DeviceName) -> _Trouble:
        return self._troubles.setdefault(device, _Trouble())

    def _applied(self, device: DeviceName) -> None:
        connection = self._network.online.get(device)
        if connection is not None:
            self.apply(connection)

    def _refuse(self, device: DeviceName, refusal: Node) -> None:
        self._trouble(device).refusal = refusal
        self._end(device, "refused", refusal)

    def _end(self, device: DeviceName, reason: str, *last_words: Node) -> None:
        connection = self._network.online.get(device)
        if connection is not None:
            connection.end(reason, *last_words)
