"""The table of states is complete and without dead ends."""

import pytest

from shared.session_state import (
    COUNTED_AS,
    REASONS,
    TRANSITIONS,
    USUAL_REASON,
    Reason,
    SessionState,
    may_follow,
)


def test_every_state_has_its_row_in_every_table():
    for table in (REASONS, TRANSITIONS, COUNTED_AS, USUAL_REASON):
        assert set(table) == set(SessionState)


def test_every_reason_belongs_to_a_state():
    assert set().union(*REASONS.values()) == set(Reason)


@pytest.mark.parametrize("start", SessionState)
def test_from_every_state_a_session_can_connect_again_and_can_be_stopped(start: SessionState):
    reached, new = {start}, {start}
    while new:
        new = {after for before in new for after in TRANSITIONS[before]} - reached
        reached |= new
    assert {SessionState.CONNECTED, SessionState.DISCONNECTED} <= reached


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (SessionState.LOGGED_OUT, SessionState.CONNECTED),
        (SessionState.LOGGED_OUT, SessionState.RECONNECTING),
        (SessionState.AUTH_FAILED, SessionState.RECONNECTING),
        (SessionState.DISCONNECTED, SessionState.CONNECTED),
        (SessionState.CONNECTED, SessionState.QR_PENDING),
    ],
)
def test_what_must_not_happen_is_not_in_the_table(before: SessionState, after: SessionState):
    assert not may_follow(before, after)


@pytest.mark.parametrize("state", SessionState)
def test_the_same_again_is_no_change(state: SessionState):
    assert may_follow(state, state)


def test_the_usual_reason_of_a_state_is_one_of_its_own():
    assert all(USUAL_REASON[state] in REASONS[state] for state in SessionState)
