"""How a phone vouches for a companion, and how the companion answers for itself."""

import hashlib
import hmac
from dataclasses import dataclass

from worker.sandbox.chance import Chance
from worker.sandbox.clock import Clock
from worker.sandbox.library import (
    ADVDeviceIdentity,
    ADVSignedDeviceIdentity,
    ADVSignedDeviceIdentityHMAC,
    DecodeError,
)
from worker.sandbox.signal.curve import KeyPair, verify
from worker.sandbox.wire.errors import WireError

_BY_ACCOUNT = b"\x06\x00"
_BY_DEVICE = b"\x06\x01"


@dataclass(frozen=True, slots=True)
class Voucher:
    """What the companion gets, and the key of the account that it must sign with its own."""

    container: bytes
    account_key: bytes


def vouch(
    account: KeyPair, companion_identity: bytes, secret: bytes, clock: Clock, chance: Chance
) -> Voucher:
    """`secret` came with the code, so that only the client that showed it accepts this."""
    details = ADVDeviceIdentity(
        rawID=chance.below(1 << 31), timestamp=clock.seconds(), keyIndex=1
    ).SerializeToString()
    signed = ADVSignedDeviceIdentity(
        details=details,
        accountSignatureKey=account.public,
        accountSignature=account.sign(_BY_ACCOUNT + details + companion_identity),
    ).SerializeToString()
    mac = hmac.digest(secret, signed, hashlib.sha256)
    container = ADVSignedDeviceIdentityHMAC(details=signed, HMAC=mac).SerializeToString()
    return Voucher(container, account.public)


@dataclass(frozen=True, slots=True)
class SignedIdentity:
    """The companion's answer: it leaves the account's key out, but its signature covers it."""

    details: bytes
    signature: bytes

    @classmethod
    def parse(cls, data: bytes) -> "SignedIdentity":
        try:
            signed = ADVSignedDeviceIdentity.FromString(data)
        except DecodeError as error:
            raise WireError("a device identity that does not parse") from error
        return cls(signed.details, signed.deviceSignature)

    def is_by(self, companion_identity: bytes, account_key: bytes) -> bool:
        message = _BY_DEVICE + self.details + companion_identity + account_key
        return verify(companion_identity, message, self.signature)
