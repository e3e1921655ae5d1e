"""What all endpoints that one process holds share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from control_plane.db.engine import Database
from control_plane.webhooks.dispatch.attempt import Post
from control_plane.webhooks.dispatch.breakers import Breakers, Host
from control_plane.webhooks.dispatch.figures import Figures
from control_plane.webhooks.dispatch.ledger import Ledger
from control_plane.webhooks.dispatch.letters import Letters
from control_plane.webhooks.dispatch.slots import Slots


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    database: Database
    post: Post
    letters: Letters
    ledger: Ledger
    now: Callable[[], datetime]
    # A host answers again: whoever waits for it goes on.
    closed: Callable[[Host], None]
    figures: Figures
    breakers: Breakers = field(default_factory=Breakers)
    slots: Slots = field(default_factory=Slots)
    # How long an endpoint with nothing to do is held: to claim it for each event costs more.
    linger_seconds: float = 10.0
    # A clock that is turned forward by a test is looked at so often.
    look_seconds: float = 1.0
