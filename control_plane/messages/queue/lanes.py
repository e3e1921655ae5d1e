"""Who goes first: answers before what is sent to one, that before what is sent to many."""

import uuid
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from control_plane.messages.history.months import first_id_at

# Longest that anything may wait; older rows are not even looked at, so that only young months are.
LONGEST_WAIT = timedelta(days=31)
_LOOKED_AT = LONGEST_WAIT + timedelta(days=2)


class Lane(IntEnum):
    REPLY = 0
    NORMAL = 1
    BULK = 2


def youngest_ids() -> uuid.UUID:
    """Messages below this id cannot be waiting any more."""
    return first_id_at(datetime.now(UTC) - _LOOKED_AT)
