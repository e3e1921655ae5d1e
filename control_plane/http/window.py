"""A stretch of time that a caller asks about, by ?since= and ?until=."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
from litestar.params import QueryParameter

from control_plane.errors import AppError, Code

Since = Annotated[
    str,
    QueryParameter(name="since", max_length=100, description="From when on, such as 2026-01-31T00:00:00Z"),
]
Until = Annotated[
    str, QueryParameter(name="until", max_length=100, description="Until when; now, when it is left out")
]


@dataclass(frozen=True, slots=True)
class Window:
    since: datetime
    until: datetime


def window_of(since: str, until: str, now: datetime, *, usual: timedelta, longest: timedelta) -> Window:
    """What lies in the future is cut off; the rest of what makes no sense is refused."""
    end = min(moment_of("until", until), now) if until else now
    try:
        begin = moment_of("since", since) if since else end - usual
    except OverflowError:
        raise _refused("until", "must lie within the calendar") from None
    if begin >= end:
        raise _refused("since", "must lie before `until`, and in the past")
    if end - begin > longest:
        raise _refused("since", f"must lie {longest.days} days before `until` at most")
    return Window(begin, end)


def moment_of(name: str, given: str) -> datetime:
    """With an offset, or nobody knows when that is."""
    try:
        moment = msgspec.convert(given, datetime)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (msgspec.ValidationError, OverflowError):
        pass
    raise _refused(name, "must be a time such as 2026-01-31T00:00:00Z; in an address, + is written as %2B")


def _refused(name: str, words: str) -> AppError:
    return AppError(
        Code.VALIDATION_FAILED,
        f"`{name}` {words}.",
        errors=[{"pointer": f"/{name}", "detail": words}],
    )
