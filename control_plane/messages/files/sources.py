"""Where a file comes from: a form, a URL, or the JSON itself; exactly one of them."""

import base64
import binascii
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import unquote, urlsplit

from control_plane.egress.answers import Limits
from control_plane.egress.gate import Egress
from control_plane.egress.refusals import refusal
from control_plane.egress.troubles import EgressError
from control_plane.errors import AppError, Code
from control_plane.http.forms import FORM
from control_plane.http.held_files import HeldFile
from control_plane.messages.files.bodies import AnyFile
from shared.files.errors import readable_size
from shared.files.limits import HANDED_IN, IN_JSON
from shared.files.threads import in_thread

_WAYS = f"Give the file once: as `media.url`, as `media.base64`, or as the part `file` of {FORM}."
_LONGEST_BASE64 = IN_JSON // 3 * 4 + 4
# Together with the sending it has to fit into the time that callers wait.
_ANSWER_SECONDS, _FETCH_SECONDS = 10.0, 30.0


class FileSources:
    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    @asynccontextmanager
    async def held(self, body: AnyFile, form: HeldFile | None) -> AsyncIterator[HeldFile]:
        """Whole, within the limit of its kind, and not empty."""
        pointer = _only_source(body, form)
        limit = HANDED_IN[body.kind]
        if form is not None:
            form.check(limit)
            _check_content(form, pointer)
            yield form
            return
        async with HeldFile(limit, pointer) as file:
            if body.media.url is not None:
                await self._fetch(body.media.url, file, limit)
            else:
                await file.add(await in_thread(_decoded, body.media.base64 or ""))
            await file.ready()
            _check_content(file, pointer)
            yield file

    async def _fetch(self, url: str, file: HeldFile, limit: int) -> None:
        limits = Limits(most_bytes=limit, answer_seconds=_ANSWER_SECONDS, total_seconds=_FETCH_SECONDS)
        try:
            async with self._egress.get(url, limits) as answer:
                file.content_type = answer.content_type
                async for piece in answer:
                    await file.add(piece)
        except EgressError as error:
            raise refusal(error, "/media/url") from None
        file.file_name = unquote(urlsplit(url).path.rpartition("/")[2])


def _only_source(body: AnyFile, form: HeldFile | None) -> str:
    """Its pointer."""
    media = body.media
    given = [
        pointer
        for pointer, there in (
            ("/file", form is not None),
            ("/media/url", media.url is not None),
            ("/media/base64", media.base64 is not None),
        )
        if there
    ]
    if not given:
        raise _invalid("/media", "holds no file", _WAYS)
    if len(given) > 1:
        raise _invalid(given[1], f"is given beside {given[0]}", _WAYS)
    return given[0]


def _decoded(text: str) -> bytes:
    pointer = "/media/base64"
    if len(text) > _LONGEST_BASE64:
        words = f"In JSON a file may hold {readable_size(IN_JSON)} at most. Send it as {FORM}, or by its URL."
        errors = [{"pointer": pointer, "detail": "is too long"}]
        raise AppError(Code.FILE_TOO_LARGE, words, errors=errors)
    try:
        # Many encoders break it into lines.
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        words = "The base64 of the file cannot be read. Send it whole, and without `data:` in front of it."
        raise _invalid(pointer, "is no base64", words) from None


def _check_content(file: HeldFile, pointer: str) -> None:
    if not file.size:
        raise _invalid(pointer, "is empty", "The file is empty. Send one that has content.")


def _invalid(pointer: str, short: str, words: str) -> AppError:
    return AppError(Code.VALIDATION_FAILED, words, errors=[{"pointer": pointer, "detail": short}])
