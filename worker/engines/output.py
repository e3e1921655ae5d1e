"""What an engine prints: its own log lines pass, the library's are redacted, and the last ones are kept."""

import asyncio
import logging
import sys
from collections import deque
from typing import TextIO

from shared.redaction import redact_text

log = logging.getLogger(__name__)

_LONGEST = 8_192
_KEPT = 40
# How Go says farewell; what follows are stacks.
_FATAL = ("fatal error:", "panic:", "SIGSEGV", "signal arrived during")


class EngineOutput:
    def __init__(self, name: str) -> None:
        self._name = name
        self._last: deque[str] = deque(maxlen=_KEPT)
        self._fatal = ""

    @property
    def farewell(self) -> str:
        """Why it died, as far as it said; empty when it was killed without a word."""
        return self._fatal

    @property
    def why(self) -> str:
        return self._fatal or (self._last[-1] if self._last else "without a word")

    def note(self, words: str) -> None:
        self._fatal = self._fatal or words[:_LONGEST]

    async def follow(self, reader: asyncio.StreamReader) -> None:
        """To the end of the pipe, however long a line is and whatever bytes it has."""
        rest = b""
        while chunk := await reader.read(65_536):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._line(line)
            if len(rest) > _LONGEST:
                self._line(rest)
                rest = b""
        if rest:
            self._line(rest)

    def _line(self, raw: bytes) -> None:
        line = raw[:_LONGEST].decode(errors="replace").strip()
        if line.startswith('{"timestamp"'):
            # One of our own lines: its form is right and its secrets are gone already.
            _where_we_log().write(line + "\n")
        elif line:
            safe = redact_text(line)
            self._last.append(safe)
            if not self._fatal and any(word in line for word in _FATAL):
                self._fatal = safe
            # A dying engine prints thousands of lines of stacks.
            level = logging.DEBUG if self._fatal else logging.INFO
            log.log(level, "engine_printed", extra={"fields": {"engine": self._name, "line": safe}})


def _where_we_log() -> TextIO:
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            stream: TextIO = handler.stream
            return stream
    return sys.stdout
