"""Sender keys: in a group each sender has one chain of keys, told once to everybody in it."""

import secrets

import msgspec

from worker.sandbox.signal import blocks
from worker.sandbox.signal.curve import KeyPair, typed, untyped, verify
from worker.sandbox.signal.derivation import derive, message_seed, next_chain
from worker.sandbox.signal.errors import DuplicateMessageError, SignalError
from worker.sandbox.signal.fields import Value, read_fields, write_fields
from worker.sandbox.signal.messages import VERSION

_SIGNATURE_LENGTH = 64
_FURTHEST_AHEAD = 2000


class SenderKey(msgspec.Struct):
    """`signing` lacks its private half at those who only listen; `told` are the devices that know it."""

    key_id: int
    iteration: int
    chain_key: bytes
    signing: KeyPair
    skipped: dict[int, bytes] = {}
    told: set[str] = set()

    @classmethod
    def generate(cls) -> "SenderKey":
        return cls(secrets.randbelow(1 << 31), 0, secrets.token_bytes(32), KeyPair.generate())

    @classmethod
    def announced(cls, announcement: bytes) -> "SenderKey":
        """As the sender told it."""
        fields = _fields(announcement)
        key_id, iteration, chain_key, signing = (fields.get(number) for number in (1, 2, 3, 4))
        if not isinstance(key_id, int) or not isinstance(chain_key, bytes) or not isinstance(signing, bytes):
            raise SignalError("an announcement of a sender key that lacks something")
        return cls(key_id, iteration if isinstance(iteration, int) else 0, chain_key, _public(signing))

    def announcement(self) -> bytes:
        """Reads everything from now on, nothing from before."""
        signing = typed(self.signing.public)
        return VERSION + write_fields(
            [(1, self.key_id), (2, self.iteration), (3, self.chain_key), (4, signing)]
        )

    def seal(self, plain: bytes) -> bytes:
        iv, cipher = _message_keys(message_seed(self.chain_key))
        sealed = blocks.encrypt(cipher, iv, plain)
        signed = VERSION + write_fields([(1, self.key_id), (2, self.iteration), (3, sealed)])
        self.chain_key, self.iteration = next_chain(self.chain_key), self.iteration + 1
        return signed + self.signing.sign(signed)

    def open(self, message: bytes) -> bytes:
        signed, signature = message[:-_SIGNATURE_LENGTH], message[-_SIGNATURE_LENGTH:]
        fields = _fields(signed)
        iteration, sealed = fields.get(2, 0), fields.get(3)
        if fields.get(1) != self.key_id or not isinstance(iteration, int) or not isinstance(sealed, bytes):
            raise SignalError("a group message under another sender key")
        if not verify(self.signing.public, signed, signature):
            raise SignalError("a group message whose signature does not fit its sender")
        iv, cipher = _message_keys(self._seed(iteration))
        try:
            return blocks.decrypt(cipher, iv, sealed)
        except ValueError as error:
            raise SignalError("a group message that does not decrypt") from error

    def _seed(self, iteration: int) -> bytes:
        if iteration < self.iteration:
            try:
                return self.skipped.pop(iteration)
            except KeyError:
                raise DuplicateMessageError(f"group message {iteration} came before") from None
        if iteration - self.iteration > _FURTHEST_AHEAD:
            raise SignalError(f"group message {iteration} when {self.iteration} was next")
        while self.iteration < iteration:
            self.skipped[self.iteration] = message_seed(self.chain_key)
            self.chain_key, self.iteration = next_chain(self.chain_key), self.iteration + 1
        seed = message_seed(self.chain_key)
        self.chain_key, self.iteration = next_chain(self.chain_key), self.iteration + 1
        return seed


def _message_keys(seed: bytes) -> tuple[bytes, bytes]:
    keys = derive(seed, b"WhisperGroup", 48)
    return keys[:16], keys[16:]


def _fields(data: bytes) -> dict[int, Value]:
    try:
        return read_fields(data[1:])
    except ValueError as error:
        raise SignalError(str(error)) from error


def _public(signing: bytes) -> KeyPair:
    try:
        return KeyPair(b"", untyped(signing))
    except ValueError as error:
        raise SignalError(f"a signing key: {error}") from error
