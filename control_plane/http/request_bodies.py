"""How much of a body is read, what is made of it, and how the handler reads it once more."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from litestar.types import Receive
from litestar.types.asgi_types import HTTPScope

from control_plane.errors import AppError, Code
from control_plane.http.forms import FORM, Form
from control_plane.http.held_files import HeldFile
from shared.files.limits import IN_JSON, LARGEST

_JSON = "application/json"
_FILE = "held_file"
# Of a form: boundaries and headers.
_AROUND = 64 * 1024
_ADVICE = f"Send a file above {IN_JSON} bytes as {FORM} or by its URL."


@dataclass(frozen=True, slots=True)
class RequestBody:
    """`form` is what came instead of JSON; `receive` gives the JSON in either case."""

    receive: Receive
    most: int
    form: Form | None = None
    advice: str = ""

    async def whole(self) -> bytes:
        return b"".join([piece async for piece in pieces(self.receive, self.most, self.advice)])

    def limited(self) -> Receive:
        """For a handler that reads it by itself."""
        read = 0

        async def receive() -> Any:
            nonlocal read
            message = await self.receive()
            if message["type"] == "http.request":
                read += len(message["body"])
            if read > self.most:
                raise _too_large(self.most, self.advice)
            return message

        return receive


@asynccontextmanager
async def body_with_file(
    scope: HTTPScope, receive: Receive, headers: Mapping[str, str], longest_message: int
) -> AsyncIterator[RequestBody]:
    """Of a route that takes files: JSON, which may hold one, or a form."""
    content_type = headers.get("content-type") or _JSON
    kind = content_type.partition(";")[0].strip().lower()
    is_form = kind == FORM
    if not is_form and kind != _JSON:
        words = f"Send {_JSON}, or {FORM} with a part `message` and a part `file`."
        raise AppError(Code.UNSUPPORTED_MEDIA_TYPE, words)
    # Base64 has four signs for three bytes.
    most = longest_message + (_AROUND + LARGEST if is_form else IN_JSON // 3 * 4)
    advice = "" if is_form else _ADVICE
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > most:
        raise _too_large(most, advice)
    if not is_form:
        yield RequestBody(receive, most, advice=advice)
        return
    async with HeldFile(LARGEST, "/file") as file:
        form = Form(file, longest_message)
        await form.take(pieces(receive, most), content_type)
        scope["state"][_FILE] = file
        yield RequestBody(again(bytes(form.message), receive), most, form)


def file_of(scope: Mapping[str, Any]) -> HeldFile | None:
    """That came in a form."""
    found: HeldFile | None = scope["state"].get(_FILE)
    return found


async def pieces(receive: Receive, most: int, advice: str = "") -> AsyncIterator[bytes]:
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise AppError(Code.MALFORMED_REQUEST, "The request ended before its body.")
        size += len(message["body"])
        more = message["more_body"]
        if size > most:
            raise _too_large(most, advice)
        yield message["body"]


def again(body: bytes, receive: Receive) -> Receive:
    """The body was read for its fingerprint; the handler reads it once more."""
    given = False

    async def once_more() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once_more


def _too_large(most: int, advice: str) -> AppError:
    return AppError(Code.BODY_TOO_LARGE, f"The body may hold {most} bytes at most. {advice}".strip())
