"""What comes back from outside: never more of it, and never for longer, than the caller wants."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import aiohttp

from control_plane.egress.troubles import NETWORK_FAILURES, EgressError, Trouble, told

_READABLE = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`most_bytes` counts what is unpacked; `answer_seconds` ends with the head, `total_seconds` with all."""

    most_bytes: int
    resolve_seconds: float = 5
    connect_seconds: float = 5
    answer_seconds: float = 15
    total_seconds: float = 60


@dataclass(frozen=True, slots=True)
class Reply:
    """To a webhook: whatever the status is, with the beginning of the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Answer:
    """`async for piece in answer` reads the body."""

    def __init__(self, response: aiohttp.ClientResponse, limits: Limits, end: float) -> None:
        self._response = response
        self._limits = limits
        self._end = end

    @property
    def status(self) -> int:
        return self._response.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._response.headers

    @property
    def content_type(self) -> str:
        """Without its parameters; empty where the server says nothing."""
        return self._response.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def length(self) -> int | None:
        """As announced; of a packed body it tells nothing about what comes out."""
        return None if self._coding not in {"", "identity"} else self._response.content_length

    def check(self) -> None:
        """What the head tells already."""
        if 300 <= self.status < 400:
            raise EgressError(Trouble.REDIRECTS, status=self.status)
        if not 200 <= self.status < 300:
            detail = f"The server of the URL answered with the status {self.status} instead of a success."
            raise EgressError(Trouble.BAD_STATUS, detail, status=self.status)
        if (self._response.content_length or 0) > self._limits.most_bytes:
            raise self._too_large()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        taken = 0
        while piece := await self._piece():
            taken += len(piece)
            if taken > self._limits.most_bytes:
                self._response.close()
                raise self._too_large()
            yield piece

    async def read(self) -> bytes:
        return b"".join([piece async for piece in self])

    async def beginning(self) -> bytes:
        """As much as the limit lets in; the rest is not waited for. What cannot be unpacked is left out."""
        taken = bytearray()
        if self._coding not in _READABLE:
            return b""
        content, most = self._response.content, self._limits.most_bytes
        while len(taken) < most and not content.at_eof() and (piece := await self._piece()):
            taken += piece
        return bytes(taken[: self._limits.most_bytes])

    @property
    def _coding(self) -> str:
        return self._response.headers.get("Content-Encoding", "").strip().lower()

    async def _piece(self) -> bytes:
        if self._coding not in _READABLE:
            detail = "The server of the URL packs its answer in a way that was not asked for."
            raise EgressError(Trouble.UNREACHABLE, detail)
        try:
            async with asyncio.timeout_at(self._end):
                return await self._response.content.readany()
        except NETWORK_FAILURES as error:
            raise told(error) from None

    def _too_large(self) -> EgressError:
        return EgressError(
            Trouble.TOO_LARGE,
            f"What the URL holds is larger than the {self._limits.most_bytes} bytes that are allowed.",
        )
