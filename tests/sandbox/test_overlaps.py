"""What the journal proves: whether any device was ever connected twice at the same time."""

from worker.sandbox.journal import REPLACED, Entry
from worker.sandbox.overlaps import Overlaps

ANNA, BEN = "1:1", "2:1"


def test_one_after_the_other_is_no_overlap() -> None:
    assert _found(_on(1), _off(1), _on(2), _off(2, "closed"), _on(3)) == []


def test_two_at_once_are_one_overlap() -> None:
    assert _found(_on(1), _on(2), _off(1), _off(2)) == [(1, 2)]


def test_each_pair_of_three_at_once_is_an_overlap() -> None:
    assert _found(_on(1), _on(2), _on(3)) == [(1, 2), (1, 3), (2, 3)]


def test_who_was_replaced_was_there_at_the_same_time() -> None:
    assert _found(_on(1), _off(1, REPLACED), _on(2), _off(2), _on(3)) == [(1, 2)]


def test_two_devices_may_be_there_at_once() -> None:
    assert _found(_on(1), _on(2, device=BEN), _off(1), _on(3)) == []


def test_what_a_killed_network_left_open_ended_with_it() -> None:
    assert _found(_on(1), _on(1, start=2), _on(2, start=2)) == [(1, 2)]


def test_messages_change_nothing() -> None:
    message = Entry(at=0, kind="message", device=ANNA, start=1, message_id="3A00", recipient="2")
    assert _found(_on(1), message, _off(1), message, _on(2)) == []


def _found(*entries: Entry) -> list[tuple[int, int]]:
    overlaps = Overlaps()
    for entry in entries:
        overlaps.see(entry)
    return [(overlap.first.connection, overlap.second.connection) for overlap in overlaps.found]


def _on(connection: int, *, device: str = ANNA, start: int = 1) -> Entry:
    return Entry(at=0, kind="online", device=device, start=start, connection=connection)


def _off(connection: int, reason: str = "client left") -> Entry:
    return Entry(at=0, kind="offline", device=ANNA, start=1, connection=connection, reason=reason)
