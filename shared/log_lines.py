"""Log lines of every process: one form, one redaction, whoever logs and by whichever library."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TextIO

from shared.redaction import redact, redact_text


class LogFormat(StrEnum):
    JSON = "json"
    CONSOLE = "console"


# These repeat what our own lines say, or hold statements with their values.
_NOISY = ("sqlalchemy", "asyncio", "httpx", "httpcore", "_granian", "alembic")
# Values from lists of our own, in every line of the access log: searching them for secrets is its main cost.
_OURS = frozenset({"method", "route", "status", "milliseconds", "auth", "user_id", "address"})
_LEADING = ("timestamp", "level", "process", "logger", "event")


class RedactedLines(logging.Formatter):
    """The fields of a line come as `extra={"fields": {...}}`."""

    def __init__(self, form: LogFormat, process: str) -> None:
        super().__init__()
        self._form = form
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "event": redact_text(record.getMessage()),
        }
        for name, value in getattr(record, "fields", {}).items():
            line[name] = value if name in _OURS else redact(value, name)
        if record.exc_info:
            # Frames without their variables.
            line["exception"] = redact_text("".join(traceback.format_exception(*record.exc_info)))
        return json.dumps(line, default=str) if self._form is LogFormat.JSON else _readable(line)


def configure_log_lines(form: LogFormat, level: str, process: str, stream: TextIO | None = None) -> None:
    """Once for each process; every logger of every library ends up here."""
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(RedactedLines(form, process))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


def _readable(line: dict[str, Any]) -> str:
    rest = {name: value for name, value in line.items() if name not in _LEADING and name != "exception"}
    fields = " ".join(f"{name}={value}" for name, value in rest.items() if value is not None)
    head = f"{line['timestamp'][11:23]} {line['level']:<7} {line['process']} {line['event']} {fields}"
    return head + ("\n" + line["exception"] if "exception" in line else "")
