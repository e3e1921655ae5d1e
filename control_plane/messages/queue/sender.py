"""What all that sends in one process has in common."""

from collections.abc import Callable
from dataclasses import dataclass

from control_plane.db.engine import Database
from control_plane.messages.handing_over import HandingOver
from control_plane.messages.queue.journals import Journals
from control_plane.messages.queue.outcomes import Outcomes


@dataclass(frozen=True, slots=True)
class Sender:
    database: Database
    handing_over: HandingOver
    journals: Journals
    outcomes: Outcomes
    # Between two messages of broadcasts of one session, at the least, in seconds.
    bulk_seconds: float
    # The same between two that were planned: many may become due at one moment.
    planned_seconds: float
    # Whoever follows the events live is to hear of it at once.
    hint: Callable[[], None]
