"""What workers prove themselves with: join tokens to register, then a token for each incarnation."""

import hmac
import re
from dataclasses import dataclass

from control_plane.keyring import Keyring, UnknownKeyError
from shared.ids import WorkerId

_PURPOSE = "worker-token"
_FORM = re.compile(r"wpw_([a-z0-9-]{1,50})_([0-9]{1,18})_([0-9a-f]{12})_([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class WorkerIdentity:
    worker_id: WorkerId
    incarnation: int


class WorkerTokens:
    """Derived and not stored: every replica can make a worker's token again, to sign what it asks of it."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    @property
    def key_id(self) -> str:
        return self._keyring.current_id

    def token(self, worker_id: str, incarnation: int, key_id: str) -> str:
        mac = self._keyring.digest(_PURPOSE, f"{worker_id}:{incarnation}".encode(), key_id).hex()
        return f"wpw_{worker_id}_{incarnation}_{key_id}_{mac}"

    def identity(self, token: str) -> WorkerIdentity | None:
        form = _FORM.fullmatch(token)
        if form is None:
            return None
        worker_id, incarnation, key_id = WorkerId(form[1]), int(form[2]), form[3]
        try:
            expected = self.token(worker_id, incarnation, key_id)
        except UnknownKeyError:
            return None
        return WorkerIdentity(worker_id, incarnation) if hmac.compare_digest(expected, token) else None


def join_digests(keyring: Keyring, token: str) -> list[bytes]:
    """What a join token may be stored as; the first one is how a new one is."""
    return keyring.digests("join-token", token.encode())
