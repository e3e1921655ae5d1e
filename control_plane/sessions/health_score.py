"""How well a session is, as one number that explains itself: a pure function, every weight in one place."""

from dataclasses import dataclass

import msgspec

from control_plane.sessions.analytics import Analytics
from control_plane.sessions.uptime import BY_REQUEST
from shared.session_state import Reason, SessionState

# Together 100. A part that nothing is known of is left out, and the others share its weight.
WEIGHTS = {"state": 30, "uptime": 25, "probes": 15, "delivery": 10, "reconnects": 10, "failures": 10}
# The network is asked each 30 s: what was found so long ago says nothing about now.
FRESH_SECONDS = 120.0
_MANY_RECONNECTS_A_DAY = 12
_DAY = 86_400
_STOPPED = BY_REQUEST | {Reason.QR_EXPIRED}
_S = SessionState


class Part(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """`value` from 0, which is bad, to 1; null where nothing is known, and then it does not count."""

    name: str
    weight: int
    value: float | None
    explanation: str


class HealthScore(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The weighted mean of its parts, from 0 to 100; null for a session that is not used."""

    score: int | None
    parts: list[Part]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """By the present owner of the session."""

    age_seconds: float
    answered: bool
    probes: int
    unanswered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    sent: int
    failed: int


Judged = tuple[float | None, str]


def health_score(
    state: SessionState, reason: Reason, told: Analytics, probed: Probed | None, traffic: Traffic
) -> HealthScore:
    judged: dict[str, Judged] = {
        "state": _state(state, reason),
        "uptime": _uptime(told),
        "probes": _probes(probed),
        "delivery": _delivery(traffic),
        "reconnects": _reconnects(told),
        "failures": _failures(told),
    }
    parts = [
        Part(name=name, weight=weight, value=_short(judged[name][0]), explanation=judged[name][1])
        for name, weight in WEIGHTS.items()
    ]
    known = [(part.weight, part.value) for part in parts if part.value is not None]
    whole = sum(weight for weight, _ in known)
    score = round(100 * sum(weight * value for weight, value in known) / whole) if whole else None
    return HealthScore(score=score, parts=parts)


def _state(state: SessionState, reason: Reason) -> Judged:
    words = f"it is {state.value} ({reason.value})"
    if state in {_S.INITIALIZING, _S.QR_PENDING} or reason in _STOPPED:
        return None, words
    if state is _S.CONNECTED:
        return 1.0, words
    return (0.25 if state in {_S.RECONNECTING, _S.RECOVERING} else 0.0), words


def _uptime(told: Analytics) -> Judged:
    up, down = told.uptime.seconds_connected, told.uptime.outage_seconds
    if not up + down:
        return None, "it was not in use"
    return up / (up + down), f"out for {down:.0f} s of the {up + down:.0f} s in which it was to be connected"


def _probes(probed: Probed | None) -> Judged:
    if probed is None or not probed.probes:
        return None, "the network was not asked yet whether it hears this client"
    if probed.age_seconds > FRESH_SECONDS:
        return None, f"the network was last asked {probed.age_seconds:.0f} s ago"
    if not probed.answered:
        return 0.0, "the network did not answer when it was last asked"
    answered = max(0, probed.probes - probed.unanswered)
    return answered / probed.probes, f"{answered} of {probed.probes} questions to the network were answered"


def _delivery(traffic: Traffic) -> Judged:
    tried = traffic.sent + traffic.failed
    if not tried:
        return None, "nothing was sent"
    return traffic.sent / tried, f"{traffic.sent} of {tried} messages were taken by WhatsApp"


def _reconnects(told: Analytics) -> Judged:
    if not told.uptime.seconds_connected:
        return None, "it was never connected"
    daily = told.reconnects.count / max(1.0, told.uptime.seconds_observed / _DAY)
    return max(0.0, 1 - daily / _MANY_RECONNECTS_A_DAY), f"{daily:.1f} lost connections a day"


def _failures(told: Analytics) -> Judged:
    count = told.failures.count - told.failures.by_reason.get(Reason.QR_EXPIRED, 0)
    if not count and not told.uptime.seconds_connected:
        return None, "it was never connected"
    return 1 / (1 + count), f"{count} times it ended without having been asked to"


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
