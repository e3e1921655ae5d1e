"""A file under way: whole and measured, however small its pieces are and wherever it is held."""

import hashlib
from collections.abc import Iterator

import pytest

from control_plane.errors import AppError
from control_plane.http.held_files import HeldFile


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@pytest.mark.parametrize(("length", "size"), [(0, 1), (10, 3), (300_000, 999), (3_000_000, 70_000)])
async def test_it_gives_back_what_it_took(length: int, size: int):
    data = bytes(range(256)) * (length // 256 + 1)
    data = data[:length]
    async with HeldFile(length, "/file") as file:
        for piece in pieces(data, size):
            await file.add(piece)
        assert (await file.ready()).read() == data
        assert (file.size, file.sha256) == (length, hashlib.sha256(data).digest())


async def test_one_byte_too_much_is_refused_at_its_place():
    async with HeldFile(10, "/file") as file:
        await file.add(bytes(10))
        with pytest.raises(AppError) as refused:
            await file.add(b"1")
    assert (refused.value.code.code, refused.value.errors[0]["pointer"]) == ("file_too_large", "/file")


async def test_a_full_disk_is_no_fault_of_the_database(monkeypatch: pytest.MonkeyPatch):
    async with HeldFile(10, "/file") as file:

        def full(_: bytes) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(file, "_write", full)
        await file.add(b"1")
        with pytest.raises(AppError) as refused:
            await file.ready()
    assert refused.value.code.code == "storage_unavailable"
