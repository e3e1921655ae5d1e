"""What the machine knows to be true, whatever the database says: the other side of every comparison."""

from collections import defaultdict
from dataclasses import dataclass, field

from shared.contracts.fleet import UplinkEvent
from shared.contracts.told import CallSeen, MessageReceived


class Broken(AssertionError):  # noqa: N818 (said to people, as it is)
    """A sentence that does not hold; `invariant` is its name."""

    def __init__(self, invariant: str, words: str) -> None:
        super().__init__(f"{invariant}: {words}")
        self.invariant = invariant


def demand(holds: object, invariant: str, words: str) -> None:
    if not holds:
        raise Broken(invariant, words)


@dataclass(slots=True)
class Book:
    # Whose session it is; an entry ends when its owner deletes it.
    sessions: dict[str, str] = field(default_factory=dict)
    # What an owner of the session at that epoch has delivered.
    messages: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    calls: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    # What the network has for each, so that it can send it again.
    sent: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    # Whose credentials may be gone: the phone, its owner or the network said so.
    forgotten: set[str] = field(default_factory=set)
    # How many there were, so that each has a name of its own.
    told: int = 0
    trail: list[str] = field(default_factory=list)
    _taken: set[tuple[str, int]] = field(default_factory=set)

    def number(self) -> int:
        self.told += 1
        return self.told

    def delivered(self, spool: str, events: list[UplinkEvent]) -> None:
        """Each position of a spool counts once, however often it is sent."""
        for event in events:
            if (spool, event.position) in self._taken:
                continue
            self._taken.add((spool, event.position))
            session = event.session_id
            if session not in self.sessions:
                continue
            if isinstance(event.told, MessageReceived):
                self.messages[session].add(event.told.message.whatsapp_id)
            elif isinstance(event.told, CallSeen):
                self.calls[session].append(event.told.call_id)
