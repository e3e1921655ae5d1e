"""The key that the network's identity hangs on, and the chain of certificates down to one start of it."""

import time
from dataclasses import dataclass
from typing import Any

from worker.sandbox.library import CertChain
from worker.sandbox.signal.curve import KeyPair

_TEN_YEARS = 10 * 365 * 86_400
_INTERMEDIATE = 1
_LEAF = 2


@dataclass(frozen=True, slots=True)
class NetworkIdentity:
    """What the server proves in each handshake: the static key, and who vouches for it."""

    static: KeyPair
    certificates: bytes


def issue_identity(root: KeyPair) -> NetworkIdentity:
    intermediate, static = KeyPair.generate(), KeyPair.generate()
    chain = CertChain()
    _fill(chain.intermediate, _INTERMEDIATE, issuer_serial=0, key=intermediate.public, signer=root)
    _fill(chain.leaf, _LEAF, issuer_serial=_INTERMEDIATE, key=static.public, signer=intermediate)
    return NetworkIdentity(static, chain.SerializeToString())


def _fill(certificate: Any, serial: int, *, issuer_serial: int, key: bytes, signer: KeyPair) -> None:
    now = int(time.time())
    details = CertChain.NoiseCertificate.Details(
        serial=serial, issuerSerial=issuer_serial, key=key, notBefore=now - 86_400, notAfter=now + _TEN_YEARS
    )
    certificate.details = details.SerializeToString()
    certificate.signature = signer.sign(certificate.details)
