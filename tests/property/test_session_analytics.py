"""Whatever stands on a timeline, also out of order and all at once, its figures are possible ones."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.sessions.analytics import Analytics, Times, analyse
from control_plane.sessions.health_score import Probed, Traffic, health_score
from control_plane.sessions.uptime import Change, Observed
from shared.session_state import REASONS, Reason, SessionState

START = datetime(2026, 3, 1, tzinfo=UTC)
WHOLE = 1_000
states = st.sampled_from(SessionState)
# Few different times, so that many are equal; some outside of the window, as clocks that differ write them.
times = st.integers(-50, WHOLE + 50).map(lambda seconds: START + timedelta(seconds=seconds // 10 * 10))


@st.composite
def a_change(draw: st.DrawFn) -> Change:
    after = draw(states)
    return Change(
        at=draw(times),
        before=draw(states),
        after=after,
        reason=draw(st.sampled_from(sorted(REASONS[after]))),
        worker_id=draw(st.sampled_from([None, "w-1", "w-2"])),
    )


@st.composite
def observed_windows(draw: st.DrawFn) -> Observed:
    found = draw(st.lists(a_change(), max_size=40))
    if draw(st.booleans()):
        found.sort(key=lambda change: change.at)
    seconds = draw(st.sampled_from([0, 1, WHOLE]))
    return Observed(START, START + timedelta(seconds=seconds), found, draw(st.none() | a_change()))


def possible(times: Times) -> bool:
    if times.count == 0:
        return times.last_seconds is None
    assert times.last_seconds is not None
    assert times.median_seconds is not None
    assert times.p95_seconds is not None
    return min(times.last_seconds, times.median_seconds) >= 0 and times.p95_seconds >= times.median_seconds


@given(observed_windows())
def test_the_time_in_each_state_adds_up_to_the_window(observed: Observed):
    found = analyse(observed).uptime
    whole = (observed.until - observed.since).total_seconds()
    assert found.seconds_observed == whole
    assert sum(found.seconds_by_status.values()) == pytest.approx(whole)
    assert all(seconds >= 0 for seconds in found.seconds_by_status.values())
    assert found.seconds_connected == found.seconds_by_status[SessionState.CONNECTED]
    assert found.share is None if whole == 0 else 0 <= (found.share or 0) <= 1


@given(observed_windows())
def test_outages_lie_within_the_window_and_beside_the_connections(observed: Observed):
    found = analyse(observed).uptime
    assert found.outage_seconds + found.seconds_connected <= found.seconds_observed + 1e-6
    longest = found.longest_outage
    assert (longest is None) == (found.outages == 0)
    if longest is not None:
        assert 0 <= longest.seconds <= found.outage_seconds + 1e-6
        assert observed.since <= longest.since <= (longest.until or observed.until) <= observed.until


@given(observed_windows())
def test_no_time_is_negative_and_no_count_larger_than_the_changes(observed: Observed):
    found = analyse(observed)
    assert possible(found.time_to_qr)
    assert possible(found.time_to_connect)
    many = len(observed.changes)
    assert (
        found.time_to_qr.count + found.reconnects.count + found.failures.count + found.moves.recoveries
        <= many
    )
    assert found.moves.count <= many
    assert sum(found.failures.by_reason.values()) == found.failures.count


@given(
    observed_windows(),
    states,
    st.sampled_from(Reason),
    st.none()
    | st.builds(
        Probed,
        age_seconds=st.floats(0, 1e6),
        answered=st.booleans(),
        probes=st.integers(0, 2**63),
        unanswered=st.integers(0, 2**63),
    ),
    st.builds(Traffic, sent=st.integers(0, 10**9), failed=st.integers(0, 10**9)),
)
def test_the_score_is_from_0_to_100_or_there_is_none(
    observed: Observed, state: SessionState, reason: Reason, probed: Probed | None, traffic: Traffic
):
    told: Analytics = analyse(observed)
    found = health_score(state, reason, told, probed, traffic)
    assert found.score is None or 0 <= found.score <= 100
    assert all(part.value is None or 0 <= part.value <= 1 for part in found.parts)
