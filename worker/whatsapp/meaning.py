"""What a report of the library means to us; the table itself is the event map."""

from dataclasses import dataclass
from enum import StrEnum

from shared.session_state import Reason, SessionState


class Then(StrEnum):
    """What becomes of the client."""

    GO_ON = "go_on"  # it reconnects by itself, or is well
    STOP = "stop"  # it is dead or must not fight; the credentials stay
    FORGET = "forget"  # its credentials are gone


@dataclass(frozen=True, slots=True)
class Meaning:
    state: SessionState
    reason: Reason
    then: Then
    # For the owner and the timeline: what the network said, and when a ban ends.
    detail: str = ""
    seconds: int | None = None

    @property
    def forgets(self) -> bool:
        return self.then is Then.FORGET
