"""Frames come out whole, however the stream was cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.sandbox.wire.errors import WireError
from worker.sandbox.wire.frames import PROLOGUE, FrameReader, frame


@given(st.lists(st.binary(max_size=300), max_size=5), st.lists(st.integers(0, 1500), max_size=6))
def test_frames_are_the_same_however_the_stream_is_cut(bodies: list[bytes], cuts: list[int]) -> None:
    stream = PROLOGUE + b"".join(frame(body) for body in bodies)
    reader, places = FrameReader(), sorted(min(cut, len(stream)) for cut in cuts)
    read = []
    for start, end in zip([0, *places], [*places, len(stream)], strict=True):
        read += reader.feed(stream[start:end])
    assert read == bodies


def test_a_route_may_stand_before_the_prologue() -> None:
    routed = b"ED\x00\x01" + (5).to_bytes(3, "big") + b"route" + PROLOGUE + frame(b"hello")
    assert FrameReader().feed(routed) == [b"hello"]


@pytest.mark.parametrize("opening", [b"GET / HTTP/1.1", b"WA\x06\x02", b"\0\0\5hello"])
def test_a_stream_that_opens_otherwise_is_refused(opening: bytes) -> None:
    with pytest.raises(WireError, match="opens with"):
        FrameReader().feed(opening)


def test_a_frame_that_its_length_cannot_name_is_refused() -> None:
    with pytest.raises(WireError):
        frame(bytes(1 << 24))
