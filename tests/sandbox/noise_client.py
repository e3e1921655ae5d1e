"""The client's side of the handshake, written from the standard, for tests that misbehave after it."""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from worker.sandbox.library import HandshakeMessage
from worker.sandbox.signal.curve import KeyPair
from worker.sandbox.wire.frames import PROLOGUE
from worker.sandbox.wire.noise import Cipher

NAME = b"Noise_XX_25519_AESGCM_SHA256\0\0\0\0"


def sha256(data: bytes) -> bytes:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(data)
    return digest.finalize()


class NoiseClient:
    def __init__(self, static: KeyPair) -> None:
        self.static, self.ephemeral = static, KeyPair.generate()
        self.hash = sha256(NAME + PROLOGUE)
        self.chain = self.key = NAME
        self.counter = 0
        self.server_static = self.certificates = b""

    def hello(self) -> bytes:
        message = HandshakeMessage()
        message.clientHello.ephemeral = self.ephemeral.public
        self.hash = sha256(self.hash + self.ephemeral.public)
        return bytes(message.SerializeToString())

    def finish(self, answer: bytes, payload: bytes) -> bytes:
        server = HandshakeMessage.FromString(answer).serverHello
        self.hash = sha256(self.hash + server.ephemeral)
        self._mix(self.ephemeral.agree(server.ephemeral))
        self.server_static = self._open(server.static)
        self._mix(self.ephemeral.agree(self.server_static))
        self.certificates = self._open(server.payload)
        message = HandshakeMessage()
        message.clientFinish.static = self._seal(self.static.public)
        self._mix(self.static.agree(server.ephemeral))
        message.clientFinish.payload = self._seal(payload)
        return bytes(message.SerializeToString())

    def transport(self) -> tuple[Cipher, Cipher]:
        keys = HKDF(hashes.SHA256(), 64, self.chain, b"").derive(b"")
        return Cipher(keys[:32]), Cipher(keys[32:])

    def _mix(self, secret: bytes) -> None:
        keys = HKDF(hashes.SHA256(), 64, self.chain, b"").derive(secret)
        self.chain, self.key, self.counter = keys[:32], keys[32:], 0

    def _seal(self, plain: bytes) -> bytes:
        sealed = AESGCM(self.key).encrypt(self._nonce(), plain, self.hash)
        self.hash = sha256(self.hash + sealed)
        return sealed

    def _open(self, sealed: bytes) -> bytes:
        plain = AESGCM(self.key).decrypt(self._nonce(), sealed, self.hash)
        self.hash = sha256(self.hash + sealed)
        return plain

    def _nonce(self) -> bytes:
        self.counter += 1
        return bytes(8) + (self.counter - 1).to_bytes(4, "big")
