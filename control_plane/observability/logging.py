"""structlog on top of the log lines that every process shares."""

from typing import Any, TextIO

import structlog

from shared.log_lines import LogFormat, configure_log_lines


def configure_logging(form: LogFormat, level: str, process: str, stream: TextIO | None = None) -> None:
    configure_log_lines(form, level, process, stream)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            _to_standard_logging,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _to_standard_logging(_logger: Any, _method: str, event: Any) -> tuple[tuple[str], dict[str, Any]]:
    """The fields travel in one place of their own, so that none can clash with a name of the record."""
    fields = dict(event)
    info = fields.pop("exc_info", None)
    return (str(fields.pop("event")),), {"exc_info": info, "extra": {"fields": fields}}
