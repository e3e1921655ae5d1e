"""Frames: three bytes of length, then the body; the stream of the client opens with a prologue."""

from worker.sandbox.wire.errors import WireError

PROLOGUE = b"WA\x06\x03"
_LONGEST = (1 << 24) - 1
_ROUTING = b"ED"


def frame(body: bytes) -> bytes:
    if len(body) > _LONGEST:
        raise WireError(f"a frame of {len(body)} bytes")
    return len(body).to_bytes(3, "big") + body


class FrameReader:
    """Cuts a stream into frames, however the pieces of it arrive."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._opened = False

    def feed(self, data: bytes) -> list[bytes]:
        self._buffer += data
        if not self._opened and not self._open():
            return []
        frames = []
        while (body := self._next()) is not None:
            frames.append(body)
        return frames

    def _open(self) -> bool:
        start = self._after_routing()
        head = bytes(self._buffer[start : start + len(PROLOGUE)])
        if not PROLOGUE.startswith(head):
            raise WireError(f"a stream that opens with {head.hex()}")
        self._opened = len(head) == len(PROLOGUE)
        if self._opened:
            del self._buffer[: start + len(PROLOGUE)]
        return self._opened

    def _after_routing(self) -> int:
        """A client that was told a route repeats it before the prologue: ED, version, length, bytes."""
        if not self._buffer.startswith(_ROUTING):
            return 0
        if len(self._buffer) < 7:
            return len(self._buffer)
        return 7 + int.from_bytes(self._buffer[4:7], "big")

    def _next(self) -> bytes | None:
        if len(self._buffer) < 3:
            return None
        end = 3 + int.from_bytes(self._buffer[:3], "big")
        if len(self._buffer) < end:
            return None
        body = bytes(self._buffer[3:end])
        del self._buffer[:end]
        return body
