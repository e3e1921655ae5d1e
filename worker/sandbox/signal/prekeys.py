"""The public keys by which a stranger opens a session with a device that may be away."""

import msgspec

from worker.sandbox.signal.curve import KeyPair, typed, verify


class PreKey(msgspec.Struct, frozen=True):
    key_id: int
    public: bytes


class SignedPreKey(msgspec.Struct, frozen=True):
    key_id: int
    public: bytes
    signature: bytes

    @classmethod
    def issue(cls, key_id: int, public: bytes, identity: KeyPair) -> "SignedPreKey":
        return cls(key_id, public, identity.sign(typed(public)))


class Bundle(msgspec.Struct, frozen=True):
    """A device whose one-time keys are used up is still reached, by its signed key alone."""

    registration_id: int
    identity: bytes
    signed: SignedPreKey
    one_time: PreKey | None = None

    def is_genuine(self) -> bool:
        return verify(self.identity, typed(self.signed.public), self.signed.signature)
