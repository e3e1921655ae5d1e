"""Curve25519 key pairs: agreement by X25519, signatures by XEdDSA with the same key."""

from typing import NamedTuple

import xeddsa
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

# Signal writes public keys with their type in front.
_TYPE = b"\x05"


class KeyPair(NamedTuple):
    private: bytes
    public: bytes

    @classmethod
    def generate(cls) -> "KeyPair":
        return cls.of(X25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def of(cls, private: bytes) -> "KeyPair":
        return cls(private, X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw())

    def agree(self, public: bytes) -> bytes:
        return agree(self.private, public)

    def sign(self, message: bytes) -> bytes:
        return xeddsa.ed25519_priv_sign(xeddsa.priv_force_sign(self.private, set_sign_bit=False), message)


def agree(private: bytes, public: bytes) -> bytes:
    own = X25519PrivateKey.from_private_bytes(private)
    return own.exchange(X25519PublicKey.from_public_bytes(public))


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Signatures carry the sign of the Edwards key in their top bit."""
    if len(signature) != 64:
        return False
    sign = bool(signature[63] & 0x80)
    plain = signature[:63] + bytes([signature[63] & 0x7F])
    edwards = xeddsa.curve25519_pub_to_ed25519_pub(public, set_sign_bit=sign)
    return xeddsa.ed25519_verify(plain, edwards, message)


def typed(public: bytes) -> bytes:
    return _TYPE + public


def untyped(public: bytes) -> bytes:
    if len(public) != 33 or public[:1] != _TYPE:
        raise ValueError("not a public key of Curve25519")
    return public[1:]
