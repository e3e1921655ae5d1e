"""A shelf and a preparer for each test, with ffmpeg and without."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from shared.contracts.messages import FileKind, OutgoingFile
from shared.files.errors import MediaCode, MediaError
from tests import run_folder
from tests.media.s3_server import S3Server
from tests.media.samples import Samples
from tests.media.stores import ACCESS, SECRET
from worker.media.ffmpeg import Ffmpeg, find_ffmpeg
from worker.media.limits import Limits
from worker.media.prepare import Preparer
from worker.media.shelf import Shelf, Tray


@pytest.fixture(scope="session")
def program() -> Path:
    found = find_ffmpeg()
    assert found is not None
    return found


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory, program: Path) -> Samples:
    return Samples(tmp_path_factory.mktemp("samples"), program)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "shelf")


@pytest.fixture
async def tray(shelf: Shelf) -> AsyncIterator[Tray]:
    async with shelf.tray() as tray:
        yield tray


class Desk:
    """Prepares files as a worker does, one after the other, in one tray."""

    def __init__(self, shelf: Shelf, tray: Tray, ffmpeg: Ffmpeg | None, limits: Limits | None = None) -> None:
        self.tray = tray
        self._preparer = Preparer(shelf, ffmpeg, limits)

    def put(self, data: bytes) -> Path:
        path = self.tray.place()
        with self.tray.create(path) as file:
            file.write(data)
        return path

    async def prepare(self, kind: FileKind, data: bytes, **options: Any) -> OutgoingFile:
        return await self._preparer.prepare(kind, self.put(data), **options)

    async def refusal(self, kind: FileKind, data: bytes, **options: Any) -> MediaError:
        with pytest.raises(MediaError) as caught:
            await self.prepare(kind, data, **options)
        return caught.value

    async def code(self, kind: FileKind, data: bytes, **options: Any) -> MediaCode:
        return (await self.refusal(kind, data, **options)).code


@contextmanager
def at_most_broken() -> Iterator[None]:
    """Refused as broken or not at all; any other fault is ours."""
    try:
        yield
    except MediaError as error:
        if error.code is not MediaCode.FILE_BROKEN:
            raise


@pytest.fixture
def make_desk(shelf: Shelf, tray: Tray, program: Path) -> Callable[..., Desk]:
    def make(*, ffmpeg: bool = True, **limits: Any) -> Desk:
        chosen = Limits(**limits)
        return Desk(shelf, tray, Ffmpeg(program, chosen) if ffmpeg else None, chosen)

    return make


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk()


@pytest.fixture
def bare_desk(make_desk: Callable[..., Desk]) -> Desk:
    """On a machine without ffmpeg."""
    return make_desk(ffmpeg=False)


@pytest.fixture
async def s3() -> AsyncIterator[S3Server]:
    run_folder.note_secret(SECRET)
    async with S3Server("media", ACCESS) as server:
        yield server


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(700_000))
    return path
