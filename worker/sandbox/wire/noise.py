"""Noise_XX_25519_AESGCM_SHA256, the server's side."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from worker.sandbox.library import DecodeError, HandshakeMessage
from worker.sandbox.root_key import NetworkIdentity
from worker.sandbox.signal.curve import KeyPair, agree
from worker.sandbox.wire.errors import WireError
from worker.sandbox.wire.frames import PROLOGUE

_NAME = b"Noise_XX_25519_AESGCM_SHA256\0\0\0\0"


class Cipher:
    """One direction; the counter is the nonce, so every message must pass, in order."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self._counter = 0

    def encrypt(self, plain: bytes, associated: bytes | None = None) -> bytes:
        return self._cipher.encrypt(self._nonce(), plain, associated)

    def decrypt(self, sealed: bytes, associated: bytes | None = None) -> bytes:
        try:
            return self._cipher.decrypt(self._nonce(), sealed, associated)
        except (InvalidTag, ValueError) as error:
            raise WireError("a frame that does not decrypt") from error

    def _nonce(self) -> bytes:
        nonce = bytes(8) + self._counter.to_bytes(4, "big")
        self._counter += 1
        return nonce


class Handshake:
    """Three messages: hello, answer, finish. Afterwards each side holds a cipher for each direction."""

    def __init__(self, identity: NetworkIdentity) -> None:
        self._identity = identity
        self._ephemeral = KeyPair.generate()
        # The name is exactly as long as a hash, so it stands for its own.
        self._hash = self._chain = _NAME
        self._cipher = Cipher(_NAME)
        self._mix_hash(PROLOGUE)

    def answer(self, hello: bytes) -> bytes:
        """From the client's first message, the server's."""
        client_ephemeral = _parse(hello).clientHello.ephemeral
        self._mix_hash(client_ephemeral)
        self._mix_hash(self._ephemeral.public)
        self._mix_key(_agree(self._ephemeral, client_ephemeral))
        static = self._seal(self._identity.static.public)
        self._mix_key(_agree(self._identity.static, client_ephemeral))
        certificates = self._seal(self._identity.certificates)
        answer = HandshakeMessage()
        answer.serverHello.ephemeral = self._ephemeral.public
        answer.serverHello.static = static
        answer.serverHello.payload = certificates
        return bytes(answer.SerializeToString())

    def finish(self, finish: bytes) -> tuple[bytes, bytes]:
        """The client's static key, and what it says about itself."""
        message = _parse(finish).clientFinish
        client_static = self._open(message.static)
        self._mix_key(_agree(self._ephemeral, client_static))
        return client_static, self._open(message.payload)

    def transport(self) -> tuple[Cipher, Cipher]:
        """The ciphers from the client and to the client."""
        keys = _derive(self._chain, b"")
        return Cipher(keys[:32]), Cipher(keys[32:])

    def _mix_hash(self, data: bytes) -> None:
        digest = hashes.Hash(hashes.SHA256())
        digest.update(self._hash + data)
        self._hash = digest.finalize()

    def _mix_key(self, secret: bytes) -> None:
        keys = _derive(self._chain, secret)
        self._chain, self._cipher = keys[:32], Cipher(keys[32:])

    def _seal(self, plain: bytes) -> bytes:
        sealed = self._cipher.encrypt(plain, self._hash)
        self._mix_hash(sealed)
        return sealed

    def _open(self, sealed: bytes) -> bytes:
        plain = self._cipher.decrypt(sealed, self._hash)
        self._mix_hash(sealed)
        return plain


def _parse(data: bytes) -> HandshakeMessage:
    try:
        return HandshakeMessage.FromString(data)
    except DecodeError as error:
        raise WireError("a handshake message that does not parse") from error


def _agree(own: KeyPair, public: bytes) -> bytes:
    try:
        return agree(own.private, public)
    except ValueError as error:
        raise WireError("a handshake key that is none") from error


def _derive(salt: bytes, secret: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 64, salt, b"").derive(secret)
