"""Every key of the control plane, derived from the master key for one purpose each."""

import hashlib
import hmac
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.redaction import Secret

_NONCE_BYTES = 12


class UnknownKeyError(Exception):
    """Something was sealed or signed with a master key that is no longer in the settings."""


@dataclass(frozen=True, slots=True)
class _Keys:
    key_id: str
    master: bytes

    def derive(self, purpose: str) -> bytes:
        info = f"waypost/{purpose}".encode()
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(self.master)


class Keyring:
    """The first master key signs and seals; the others, older ones, only verify and open."""

    def __init__(self, master_keys: tuple[Secret, ...]) -> None:
        self._keys: dict[str, _Keys] = {}
        for secret in master_keys:
            master = secret.reveal().encode()
            key_id = hashlib.sha256(b"waypost/key-id:" + master).hexdigest()[:12]
            self._keys[key_id] = _Keys(key_id, master)
        self.current_id = next(iter(self._keys))
        self._derived: dict[tuple[str, str], bytes] = {}

    @property
    def key_ids(self) -> tuple[str, ...]:
        return tuple(self._keys)

    def key(self, purpose: str, key_id: str | None = None) -> bytes:
        """The derived key; HKDF runs once for each purpose, because this stands on the hot path."""
        name = key_id or self.current_id
        derived = self._derived.get((purpose, name))
        if derived is None:
            if name not in self._keys:
                raise UnknownKeyError(name)
            derived = self._derived[(purpose, name)] = self._keys[name].derive(purpose)
        return derived

    def digest(self, purpose: str, value: bytes, key_id: str | None = None) -> bytes:
        """A keyed hash: what is stored of a secret that only has to be recognised."""
        return hmac.digest(self.key(purpose, key_id), value, "sha256")

    def digests(self, purpose: str, value: bytes) -> list[bytes]:
        """One digest for each key that still counts, the current one first."""
        return [self.digest(purpose, value, key_id) for key_id in self._keys]

    def seal(self, purpose: str, plain: bytes, bound_to: bytes) -> bytes:
        """Encrypts; what it is bound to (a row's id) must be given again to open it."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(self.key(purpose)).encrypt(nonce, plain, bound_to)
        return self.current_id.encode() + nonce + sealed

    def open(self, purpose: str, sealed: bytes, bound_to: bytes) -> bytes:
        id_length = len(self.current_id)
        key_id = sealed[:id_length].decode("ascii", "replace")
        nonce, rest = sealed[id_length : id_length + _NONCE_BYTES], sealed[id_length + _NONCE_BYTES :]
        try:
            return AESGCM(self.key(purpose, key_id)).decrypt(nonce, rest, bound_to)
        except (InvalidTag, ValueError) as error:
            raise UnknownKeyError("what was sealed was changed, or bound to something else") from error
