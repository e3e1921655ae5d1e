"""Pairing by eight letters: both sides wrap their keys with the code, so that only its reader can unwrap."""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from worker.sandbox.signal.curve import KeyPair
from worker.sandbox.signal.derivation import derive

_ITERATIONS = 2 << 16
_BUNDLE_INFO = b"link_code_pairing_key_bundle_encryption_key"


def normalise(code: str) -> str:
    return code.replace("-", "").replace(" ", "").upper()


def wrap(code: str, public: bytes) -> bytes:
    salt, iv = secrets.token_bytes(32), secrets.token_bytes(16)
    return salt + iv + _mask(code, salt, iv, public)


def unwrap(code: str, wrapped: bytes) -> bytes:
    """With a wrong code this is some other key, and the key bundle will not open."""
    return _mask(code, wrapped[:32], wrapped[32:48], wrapped[48:80])


def open_bundle(
    bundle: bytes, ephemeral: KeyPair, companion_ephemeral: bytes, identity: KeyPair
) -> tuple[bytes, bytes]:
    """The companion's identity key, and the secret both now share; ValueError when it stays shut."""
    shared = ephemeral.agree(companion_ephemeral)
    salt, nonce, sealed = bundle[:32], bundle[32:44], bundle[44:]
    try:
        plain = AESGCM(derive(shared, _BUNDLE_INFO, 32, salt)).decrypt(nonce, sealed, None)
    except InvalidTag as error:
        raise ValueError("the key bundle was wrapped with another code") from error
    companion, own, random = plain[:32], plain[32:64], plain[64:]
    if own != identity.public:
        raise ValueError("the key bundle is meant for another phone")
    return companion, derive(shared + identity.agree(companion) + random, b"adv_secret", 32)


def _mask(code: str, salt: bytes, iv: bytes, data: bytes) -> bytes:
    key = PBKDF2HMAC(hashes.SHA256(), 32, salt, _ITERATIONS).derive(code.encode())
    cipher = Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor()
    return cipher.update(data) + cipher.finalize()
