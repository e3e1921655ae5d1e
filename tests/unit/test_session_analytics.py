"""What a timeline tells: times, uptime, outages, and why a session ended."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from control_plane.sessions.analytics import Analytics, analyse
from control_plane.sessions.uptime import Change, Observed
from shared.session_state import Reason, SessionState

S, R = SessionState, Reason
START = datetime(2026, 3, 1, tzinfo=UTC)
Step = tuple[float, SessionState, Reason]
LOGGED_IN = (S.CONNECTED, R.LOGGED_IN)


def changes(*steps: Step, before: SessionState = S.DISCONNECTED, worker: str = "w-1") -> list[Change]:
    """Each so many seconds after the start of the window."""
    found = []
    for seconds, state, reason in steps:
        at = START + timedelta(seconds=seconds)
        found.append(Change(at=at, before=before, after=state, reason=reason, worker_id=worker))
        before = state
    return found


def told(
    *steps: Step, seconds: float = 100, opening: Change | None = None, of: Sequence[Change] | None = None
) -> Analytics:
    before = opening.after if opening is not None else S.DISCONNECTED
    found = of if of is not None else changes(*steps, before=before)
    return analyse(Observed(START, START + timedelta(seconds=seconds), found, opening))


def opened(ago: float, state: SessionState, reason: Reason) -> Change:
    return changes((-ago, state, reason))[0]


def test_a_session_that_never_ran_has_an_uptime_of_nothing_and_no_times():
    found = told()
    assert (found.uptime.share, found.uptime.seconds_observed, found.uptime.outages) == (0, 100, 0)
    assert found.time_to_qr.count == found.time_to_connect.count == 0
    assert (found.time_to_qr.p95_seconds, found.failures.last, found.uptime.longest_outage) == (
        None,
        None,
        None,
    )


def test_a_window_without_time_has_no_share():
    assert told(seconds=0).uptime.share is None


def test_times_to_the_code_and_to_the_connection_leave_out_the_time_somebody_took_to_scan():
    found = told(
        (0, S.INITIALIZING, R.STARTING),
        (1.5, S.QR_PENDING, R.WAITING_FOR_SCAN),
        (40, S.INITIALIZING, R.PAIRED),
        (42, *LOGGED_IN),
    )
    assert (found.time_to_qr.count, found.time_to_qr.last_seconds) == (1, 1.5)
    assert (found.time_to_connect.count, found.time_to_connect.last_seconds) == (1, 2)
    assert found.time_to_connect.last_at == START + timedelta(seconds=42)


def test_a_start_with_credentials_is_measured_from_the_start():
    found = told((10, S.INITIALIZING, R.STARTING), (13, *LOGGED_IN))
    assert found.time_to_qr.count == 0
    assert found.time_to_connect.last_seconds == 3


def test_a_start_that_another_worker_brings_to_its_end_is_measured_whole():
    found = told((10, S.INITIALIZING, R.STARTING), (12, S.RECOVERING, R.WORKER_LOST), (17, *LOGGED_IN))
    assert found.time_to_connect.last_seconds == 7


def test_a_restart_is_a_start_and_a_lost_connection_is_none():
    found = told(
        (0, *LOGGED_IN),
        (10, S.RECOVERING, R.RESTART_REQUESTED),
        (14, *LOGGED_IN),
        (20, S.RECONNECTING, R.CONNECTION_LOST),
        (29, S.INITIALIZING, R.STARTING),
        (31, *LOGGED_IN),
    )
    assert (found.time_to_connect.count, found.time_to_connect.last_seconds) == (1, 4)


@pytest.mark.parametrize(
    "end", [(S.DISCONNECTED, R.REQUESTED), (S.AUTH_FAILED, R.BANNED), (S.LOGGED_OUT, R.LOGGED_OUT_BY_PHONE)]
)
def test_an_attempt_that_came_to_nothing_is_not_measured(end: tuple[SessionState, Reason]):
    found = told((0, S.INITIALIZING, R.STARTING), (5, *end), (50, *LOGGED_IN))
    assert found.time_to_qr.count == found.time_to_connect.count == 0


def test_the_median_and_the_95th_per_cent_are_those_of_all_attempts():
    steps: list[Step] = []
    for number in range(1, 21):
        begin = number * 100.0
        steps += [
            (begin, S.INITIALIZING, R.STARTING),
            (begin + number, S.QR_PENDING, R.WAITING_FOR_SCAN),
            (begin + 90, S.DISCONNECTED, R.QR_EXPIRED),
        ]
    times = told(*steps, seconds=3000).time_to_qr
    assert (times.count, times.median_seconds, times.p95_seconds, times.last_seconds) == (20, 10.5, 19, 20)


def test_an_attempt_from_before_the_window_counts_where_it_ended():
    found = told((2, S.QR_PENDING, R.WAITING_FOR_SCAN), opening=opened(3, S.INITIALIZING, R.STARTING))
    assert found.time_to_qr.last_seconds == 5
    assert told(opening=opened(3, S.QR_PENDING, R.WAITING_FOR_SCAN)).time_to_qr.count == 0


def test_a_reason_that_changes_is_no_second_start_and_no_second_failure():
    found = told(
        (0, S.INITIALIZING, R.STARTING),
        (4, S.INITIALIZING, R.STARTING),
        (6, S.QR_PENDING, R.WAITING_FOR_SCAN),
        (8, S.AUTH_FAILED, R.REFUSED),
        (9, S.AUTH_FAILED, R.BANNED),
    )
    assert found.time_to_qr.last_seconds == 6
    assert (found.failures.count, found.failures.by_reason) == (1, {R.REFUSED: 1})


def test_a_client_that_was_paired_and_shows_a_code_again_has_not_started_there():
    found = told(
        (0, S.INITIALIZING, R.STARTING),
        (2, S.QR_PENDING, R.WAITING_FOR_SCAN),
        (30, S.INITIALIZING, R.PAIRED),
        (50, S.QR_PENDING, R.WAITING_FOR_SCAN),
    )
    assert (found.time_to_qr.count, found.time_to_qr.last_seconds) == (1, 2)


def test_clocks_that_disagree_make_no_negative_time():
    found = told(
        (10, S.INITIALIZING, R.STARTING),
        (8, S.QR_PENDING, R.WAITING_FOR_SCAN),
        (30, S.INITIALIZING, R.PAIRED),
        (29, *LOGGED_IN),
    )
    assert (found.time_to_qr.last_seconds, found.time_to_connect.last_seconds) == (0, 0)
    assert found.uptime.seconds_by_status[S.QR_PENDING] == 20
    assert found.uptime.seconds_connected == 70


def test_the_state_before_the_window_lasts_until_its_first_change():
    found = told((25, S.DISCONNECTED, R.REQUESTED), opening=opened(500, *LOGGED_IN))
    assert (found.uptime.share, found.uptime.seconds_connected) == (0.25, 25)
    assert found.uptime.seconds_by_status[S.DISCONNECTED] == 75


def test_an_outage_lasts_from_what_broke_it_to_the_next_connection_and_keeps_its_first_reason():
    found = told(
        (0, *LOGGED_IN),
        (10, S.RECONNECTING, R.DEAF),
        (15, S.RECOVERING, R.WORKER_LOST),
        (30, *LOGGED_IN),
        (40, S.RECONNECTING, R.CONNECTION_LOST),
        (41, *LOGGED_IN),
    ).uptime
    longest = found.longest_outage
    assert longest is not None
    assert (longest.seconds, longest.reason, longest.status) == (20, R.DEAF, S.RECONNECTING)
    assert (longest.since, longest.until) == (START + timedelta(seconds=10), START + timedelta(seconds=30))
    assert (found.outages, found.outage_seconds, found.share) == (2, 21, 0.79)


def test_an_outage_that_goes_on_has_no_end_yet():
    longest = told((0, *LOGGED_IN), (60, S.DISCONNECTED, R.REPLACED)).uptime.longest_outage
    assert longest is not None
    assert (longest.seconds, longest.reason, longest.until) == (40, R.REPLACED, None)


def test_an_outage_from_before_the_window_is_counted_from_its_start():
    found = told((30, *LOGGED_IN), opening=opened(9999, S.RECOVERING, R.WORKER_LOST)).uptime
    assert found.longest_outage is not None
    assert (found.longest_outage.seconds, found.longest_outage.since) == (30, START)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (S.DISCONNECTED, R.REQUESTED),
        (S.LOGGED_OUT, R.LOGGED_OUT_BY_USER),
        (S.RECOVERING, R.RESTART_REQUESTED),
    ],
)
def test_what_the_owner_asked_for_is_neither_an_outage_nor_a_failure(state: SessionState, reason: Reason):
    found = told((0, *LOGGED_IN), (60, state, reason))
    assert (found.uptime.outages, found.failures.count, found.uptime.share) == (0, 0, 0.6)


def test_a_stop_by_the_owner_ends_an_outage():
    found = told(
        (0, *LOGGED_IN), (10, S.RECONNECTING, R.CONNECTION_LOST), (12, S.DISCONNECTED, R.REQUESTED)
    ).uptime
    assert (found.outages, found.outage_seconds) == (1, 2)


def test_reconnects_failures_and_moves_are_counted_by_their_reasons():
    steps = changes(
        (0, *LOGGED_IN),
        (1, S.RECONNECTING, R.CONNECTION_LOST),
        (2, *LOGGED_IN),
        (3, S.RECONNECTING, R.DEAF),
        (4, *LOGGED_IN),
        (5, S.RECONNECTING, R.CONNECTION_LOST),
    )
    steps += changes(
        (6, S.RECOVERING, R.WORKER_LOST),
        (7, *LOGGED_IN),
        (8, S.DISCONNECTED, R.REPLACED),
        before=S.RECONNECTING,
        worker="w-2",
    )
    found = told(of=steps)
    assert (found.reconnects.count, found.reconnects.by_reason) == (3, {R.CONNECTION_LOST: 2, R.DEAF: 1})
    assert (found.moves.count, found.moves.recoveries, found.moves.by_reason) == (1, 1, {R.WORKER_LOST: 1})
    last = found.failures.last
    assert last is not None
    assert (last.status, last.reason, last.at) == (S.DISCONNECTED, R.REPLACED, START + timedelta(seconds=8))


def test_a_worker_that_is_unknown_for_a_while_is_no_move():
    steps = [
        Change(at=START, before=S.DISCONNECTED, after=S.INITIALIZING, reason=R.STARTING, worker_id=worker)
        for worker in (None, "w-1", None, "w-1", "w-2")
    ]
    assert told(of=steps).moves.count == 1
