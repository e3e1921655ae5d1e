"""When what failed is tried again: close together first, for three days, unless the receiver says when."""

import random
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

SCHEDULE = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
# Later events of a session pass one that fails when so much time has gone since its first failure.
OVERTAKEN_AFTER = timedelta(minutes=5)
# An endpoint that took nothing for so long, while it was tried, is disabled.
FAILING_FOR = timedelta(days=5)
# What is over is shown for so long.
KEPT_FOR = timedelta(days=30)
_JITTER = 0.1
_SOONEST, _LATEST = 1.0, 86_400.0


def delay(step: int) -> timedelta | None:
    """None: it was tried for long enough."""
    if step >= len(SCHEDULE):
        return None
    return SCHEDULE[step] * random.uniform(1 - _JITTER, 1 + _JITTER)


def asked_delay(retry_after: str, now: datetime) -> timedelta | None:
    """What a Retry-After asks for, in seconds or as a date; None where it says nothing that can be read."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        seconds = float(text[:9])
    else:
        try:
            date = parsedate_to_datetime(text)
        except ValueError:
            return None
        # A zone of "-0000" is UTC as well, said by somebody who knows no other.
        seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now.timestamp()
    return timedelta(seconds=min(max(seconds, _SOONEST), _LATEST))
