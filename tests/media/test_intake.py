"""Files of unknown size on their way in."""

import asyncio
import errno
import hashlib
import os
from collections.abc import AsyncIterator
from itertools import count

import pytest

from shared.files.errors import MediaCode, MediaError
from worker.media.intake import Taken, take_in
from worker.media.shelf import Tray

LIMIT = 1_000_000


async def _stream(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def _held(tray: Tray) -> list[str]:
    return [path.name for path in tray.place().parent.iterdir()]


def _content(taken: Taken) -> bytes:
    return taken.path.read_bytes()


async def test_bytes_become_a_file_with_its_hash(tray: Tray):
    data = os.urandom(700_000)
    taken = await take_in(tray, data, LIMIT)
    assert taken.path.read_bytes() == data
    assert (taken.size, taken.sha256) == (700_000, hashlib.sha256(data).digest())


async def test_a_stream_of_many_pieces_becomes_the_same_file(tray: Tray):
    data = os.urandom(900_001)
    pieces = [data[start : start + 777] for start in range(0, len(data), 777)]
    taken = await take_in(tray, _stream(*pieces), LIMIT)
    assert taken.path.read_bytes() == data
    assert taken.sha256 == hashlib.sha256(data).digest()


async def test_a_file_of_exactly_the_limit_is_taken(tray: Tray):
    assert (await take_in(tray, bytes(LIMIT), LIMIT)).size == LIMIT


async def test_a_stream_that_never_ends_is_left_and_nothing_of_it_stays(tray: Tray):
    given = 0
    largest = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given, largest
        for _ in count():
            given += 65_536
            yield bytes(65_536)
            largest = max(largest, sum(file.stat().st_size for file in tray.place().parent.iterdir()))

    with pytest.raises(MediaError) as caught:
        await take_in(tray, endless(), LIMIT)
    assert caught.value.code is MediaCode.FILE_TOO_LARGE
    assert "977 KiB" in caught.value.words
    assert given <= LIMIT + 2 * 65_536
    assert 0 < largest <= LIMIT
    assert _held(tray) == []


async def test_one_piece_over_the_limit_is_not_written_at_all(tray: Tray):
    with pytest.raises(MediaError) as caught:
        await take_in(tray, bytes(LIMIT + 1), LIMIT)
    assert caught.value.code is MediaCode.FILE_TOO_LARGE
    assert _held(tray) == []


async def test_what_is_announced_as_too_large_is_not_even_begun(tray: Tray):
    asked = False

    async def never() -> AsyncIterator[bytes]:
        nonlocal asked
        asked = True
        yield b""

    with pytest.raises(MediaError) as caught:
        await take_in(tray, never(), LIMIT, announced=LIMIT + 1)
    assert caught.value.code is MediaCode.FILE_TOO_LARGE
    assert not asked


async def test_an_announcement_that_is_a_lie_does_not_lift_the_limit(tray: Tray):
    with pytest.raises(MediaError):
        await take_in(tray, _stream(bytes(LIMIT), b"x"), LIMIT, announced=5)


@pytest.mark.parametrize("pieces", [(), (b"",), (b"", b"")])
async def test_nothing_is_no_file(tray: Tray, pieces: tuple[bytes, ...]):
    with pytest.raises(MediaError) as caught:
        await take_in(tray, _stream(*pieces), LIMIT)
    assert caught.value.code is MediaCode.FILE_EMPTY
    assert _held(tray) == []


async def test_a_stream_that_fails_tells_its_own_fault_and_leaves_nothing(tray: Tray):
    async def failing() -> AsyncIterator[bytes]:
        yield bytes(300_000)
        raise ConnectionResetError("the other side went away")

    with pytest.raises(ConnectionResetError):
        await take_in(tray, failing(), LIMIT)
    assert _held(tray) == []


async def test_a_timeout_of_the_stream_itself_is_not_taken_for_ours(tray: Tray):
    async def slow() -> AsyncIterator[bytes]:
        yield b"x"
        raise TimeoutError("of the stream")

    with pytest.raises(TimeoutError, match="of the stream"):
        await take_in(tray, slow(), LIMIT)


async def test_a_stream_that_stops_coming_is_left(tray: Tray):
    async def stalled() -> AsyncIterator[bytes]:
        yield bytes(300_000)
        await asyncio.Event().wait()

    with pytest.raises(MediaError) as caught:
        await take_in(tray, stalled(), LIMIT, within=0.05)
    assert caught.value.code is MediaCode.FILE_INCOMPLETE
    assert _held(tray) == []


async def test_a_cancelled_intake_leaves_nothing(tray: Tray):
    begun = asyncio.Event()

    async def waiting() -> AsyncIterator[bytes]:
        yield bytes(300_000)
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(take_in(tray, waiting(), LIMIT))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert _held(tray) == []


async def test_a_full_disk_is_told_as_such(tray: Tray):
    async def stream() -> AsyncIterator[bytes]:
        yield b"x"
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(MediaError) as caught:
        await take_in(tray, stream(), LIMIT)
    assert caught.value.code is MediaCode.STORAGE_UNAVAILABLE
    assert _held(tray) == []


async def test_many_files_at_once_do_not_disturb_each_other(tray: Tray):
    files = [os.urandom(300_000 + number) for number in range(20)]
    taken = await asyncio.gather(
        *(
            take_in(tray, _stream(*(data[i : i + 50_000] for i in range(0, len(data), 50_000))), LIMIT)
            for data in files
        )
    )
    assert [_content(file) for file in taken] == files
