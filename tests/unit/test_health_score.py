"""The health of a session is one number, and says what it is made of."""

from datetime import UTC, datetime, timedelta

from control_plane.sessions.analytics import Analytics, analyse
from control_plane.sessions.health_score import WEIGHTS, HealthScore, Probed, Traffic, health_score
from control_plane.sessions.uptime import Change, Observed
from shared.session_state import Reason, SessionState

S, R = SessionState, Reason
START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = 86_400
WELL = Probed(age_seconds=3, answered=True, probes=10, unanswered=0)
NO_TRAFFIC = Traffic(sent=0, failed=0)


def timeline(*steps: tuple[float, SessionState, Reason], seconds: float = DAY) -> Analytics:
    before, found = S.DISCONNECTED, []
    for after_seconds, state, reason in steps:
        at = START + timedelta(seconds=after_seconds)
        found.append(Change(at=at, before=before, after=state, reason=reason))
        before = state
    return analyse(Observed(START, START + timedelta(seconds=seconds), found))


CONNECTED = timeline((0, S.CONNECTED, R.LOGGED_IN))


def score(
    told: Analytics = CONNECTED,
    state: SessionState = S.CONNECTED,
    reason: Reason = R.LOGGED_IN,
    probed: Probed | None = WELL,
    traffic: Traffic = NO_TRAFFIC,
) -> HealthScore:
    return health_score(state, reason, told, probed, traffic)


def value(found: HealthScore, name: str) -> float | None:
    return next(part.value for part in found.parts if part.name == name)


def test_the_weights_are_a_hundred():
    assert sum(WEIGHTS.values()) == 100


def test_a_session_that_is_well_has_a_hundred_and_names_every_part():
    found = score(traffic=Traffic(sent=7, failed=0))
    assert found.score == 100
    assert {part.name: part.weight for part in found.parts} == WEIGHTS
    assert all(part.value == 1 and part.explanation for part in found.parts)


def test_the_score_is_the_weighted_mean_of_what_is_known():
    found = score(traffic=Traffic(sent=3, failed=1), probed=None)
    known = [(part.weight, part.value) for part in found.parts if part.value is not None]
    assert found.score == round(100 * sum(w * v for w, v in known) / sum(w for w, _ in known))
    assert value(found, "delivery") == 0.75
    assert value(found, "probes") is None


def test_a_session_that_was_never_used_has_no_score():
    found = score(timeline(), S.DISCONNECTED, R.CREATED, None)
    assert found.score is None
    assert all(part.value is None for part in found.parts)


def test_one_that_was_stopped_on_request_is_not_ill():
    told = timeline((0, S.CONNECTED, R.LOGGED_IN), (100, S.DISCONNECTED, R.REQUESTED))
    assert score(told, S.DISCONNECTED, R.REQUESTED, None).score == 100


def test_a_ban_and_an_outage_weigh_heavily():
    told = timeline((0, S.CONNECTED, R.LOGGED_IN), (DAY / 2, S.AUTH_FAILED, R.BANNED))
    found = score(told, S.AUTH_FAILED, R.BANNED, None)
    assert (value(found, "state"), value(found, "uptime"), value(found, "failures")) == (0, 0.5, 0.5)
    assert found.score is not None
    assert found.score < 40


def test_a_code_that_nobody_scanned_is_no_illness():
    told = timeline((0, S.CONNECTED, R.LOGGED_IN), (100, S.DISCONNECTED, R.QR_EXPIRED))
    assert value(score(told, S.DISCONNECTED, R.QR_EXPIRED), "failures") == 1


def test_an_unanswered_probe_and_an_old_one_count_for_what_they_are():
    assert value(score(probed=Probed(age_seconds=3, answered=False, probes=9, unanswered=1)), "probes") == 0
    assert (
        value(score(probed=Probed(age_seconds=3, answered=True, probes=9, unanswered=3)), "probes") == 0.6667
    )
    assert (
        value(score(probed=Probed(age_seconds=999, answered=True, probes=9, unanswered=0)), "probes") is None
    )
    # Numbers that cannot be stay within bounds.
    assert value(score(probed=Probed(age_seconds=3, answered=True, probes=1, unanswered=5)), "probes") == 0


def test_many_lost_connections_a_day_are_as_bad_as_can_be():
    steps: list[tuple[float, SessionState, Reason]] = [(0, S.CONNECTED, R.LOGGED_IN)]
    for number in range(1, 101):
        steps.append((number * 60, S.RECONNECTING, R.CONNECTION_LOST))
        steps.append((number * 60 + 1, S.CONNECTED, R.LOGGED_IN))
    assert value(score(timeline(*steps)), "reconnects") == 0
    assert value(score(timeline(*steps[:13])), "reconnects") == 0.5
