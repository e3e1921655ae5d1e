"""Forms are read in pieces of any size, and a repeated one is known however its boundary is called."""

from collections.abc import AsyncIterator

import pytest

from control_plane.errors import AppError
from control_plane.http.forms import Form
from control_plane.http.held_files import HeldFile

MESSAGE, DATA = b'{"to": "x"}', bytes(range(256)) * 40


def part(name: str, data: bytes, more: str = "", boundary: str = "b") -> bytes:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return head.encode() + data + b"\r\n"


def form(*parts: bytes, boundary: str = "b") -> bytes:
    return b"".join(parts) + f"--{boundary}--\r\n".encode()


async def cut(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]
    yield b""


async def taken(body: bytes, size: int = 1000, boundary: str = "b", limit: int = 100_000) -> Form:
    async with HeldFile(limit, "/file") as file:
        found = Form(file, 1000)
        await found.take(cut(body, size), f"multipart/form-data; boundary={boundary}")
        assert (await file.ready()).read() == DATA
        return found


@pytest.mark.parametrize("size", [1, 7, 1000, 1_000_000])
async def test_pieces_of_any_size_make_the_same_form(size: int):
    named = '; filename="a b.bin"'
    found = await taken(form(part("file", DATA, named), part("message", MESSAGE)), size)
    assert (bytes(found.message), found.file.size, found.file.file_name) == (MESSAGE, len(DATA), "a b.bin")


async def test_the_same_parts_with_another_boundary_are_the_same_request():
    def sent(boundary: str, message: bytes = MESSAGE) -> bytes:
        parts = (part("message", message, "", boundary), part("file", DATA, "", boundary))
        return form(*parts, boundary=boundary)

    first = (await taken(sent("one"), boundary="one")).fingerprint()
    assert (await taken(sent("two"), boundary="two")).fingerprint() == first
    assert (await taken(sent("two", b"{}"), boundary="two")).fingerprint() != first


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        (form(part("message", MESSAGE)), "validation_failed", "/file"),
        (form(part("file", DATA)), "validation_failed", "/message"),
        (
            form(part("message", MESSAGE), part("file", b"1"), part("file", b"2")),
            "validation_failed",
            "/file",
        ),
        (form(part("message", MESSAGE), part("other", b"1")), "validation_failed", "/other"),
        (form(part("message", b"x" * 1001), part("file", DATA)), "body_too_large", None),
        (form(part("message", MESSAGE), part("file", DATA * 10)), "file_too_large", "/file"),
        (form(part("message", MESSAGE), part("file", DATA))[:-9], "malformed_request", None),
        (b"no form at all", "malformed_request", None),
    ],
)
async def test_what_is_no_such_form_is_told_where_it_is_wrong(body: bytes, code: str, pointer: str | None):
    with pytest.raises(AppError) as refused:
        await taken(body)
    assert refused.value.code.code == code
    assert [error["pointer"] for error in refused.value.errors] == ([pointer] if pointer else [])


async def test_a_form_without_a_boundary_says_who_makes_one():
    async with HeldFile(10, "/file") as file:
        with pytest.raises(AppError, match="boundary"):
            await Form(file, 1000).take(cut(b"x", 1), "multipart/form-data")
