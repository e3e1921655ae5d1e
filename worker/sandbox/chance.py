"""Whatever the network draws by lot: ids, numbers, codes and the long-lived keys."""

import base64
import random

from worker.sandbox.signal.curve import KeyPair


class Chance:
    """With a seed the same draws come in the same order; each start of a network draws others than the last.

    Ephemeral keys do not come from here: nobody can tell two of them apart by what they do.
    """

    def __init__(self, seed: str | None = None, start: int = 1) -> None:
        self._seed = None if seed is None else f"{start}/{seed}"
        self._random = random.SystemRandom() if self._seed is None else random.Random(self._seed)

    def of(self, purpose: str) -> "Chance":
        """A source of its own, so that what others draw in between changes nothing."""
        return self if self._seed is None else Chance(f"{self._seed}/{purpose}")

    def below(self, limit: int) -> int:
        return self._random.randrange(limit)

    def draw(self, size: int) -> bytes:
        return self._random.randbytes(size)

    def token(self, size: int) -> str:
        """So many bytes as text that may stand in a URL."""
        return base64.urlsafe_b64encode(self.draw(size)).rstrip(b"=").decode()

    def key_pair(self) -> KeyPair:
        private = bytearray(self.draw(32))
        # Every private key of this curve has these bits so.
        private[0] &= 0xF8
        private[31] = private[31] & 0x7F | 0x40
        return KeyPair.of(bytes(private))
