"""Calls between control plane and worker: each side proves that it knows the worker's token.

The token itself only ever travels from the worker to the control plane. In the other direction each call
carries a signature made with a key that both derive from it, over the call and a moment.
"""

import hashlib
import hmac
import time

SIGNATURE_HEADER = "x-waypost-signature"
# Clocks differ, and a call may wait in a queue; afterwards a recorded call is worth nothing.
_GOOD_FOR = 30.0


def sign(token: str, method: str, path: str, body: bytes, at: float | None = None) -> str:
    moment = f"{time.time() if at is None else at:.3f}"
    return f"{moment}.{_signature(token, moment, method, path, body)}"


def is_signed(  # noqa: PLR0917 (the parts of a call, in their order)
    token: str, method: str, path: str, body: bytes, header: str, now: float | None = None
) -> bool:
    """`path` with its query, as it was sent."""
    moment, _, signature = header.rpartition(".")
    try:
        age = (time.time() if now is None else now) - float(moment)
    except ValueError:
        return False
    expected = _signature(token, moment, method, path, body)
    # Compared as bytes: text that is not ASCII would raise.
    return abs(age) <= _GOOD_FOR and hmac.compare_digest(expected.encode(), signature.encode())


def _signature(token: str, moment: str, method: str, path: str, body: bytes) -> str:
    key = hmac.digest(token.encode(), b"waypost/calls-to-workers", "sha256")
    said = "\n".join((moment, method, path, hashlib.sha256(body).hexdigest()))
    return hmac.new(key, said.encode(), "sha256").hexdigest()
