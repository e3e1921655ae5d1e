"""One table from what the library reports to what it means: a state, a reason, and what the client does.

The library's task goes on after a log-out, a replacement, a ban or an outdated client, and its QR phase ends
without any event: whatever has to end is ended by us, and this table says so.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shared.session_state import Reason, SessionState
from worker.whatsapp.library import events


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


_S, _R = SessionState, Reason
_CONNECTED = Meaning(_S.CONNECTED, _R.LOGGED_IN, Then.GO_ON)
_LOST = Meaning(_S.RECONNECTING, _R.CONNECTION_LOST, Then.GO_ON)
_OUTDATED = Meaning(_S.AUTH_FAILED, _R.OUTDATED, Then.STOP)
_BY_PHONE = Meaning(_S.LOGGED_OUT, _R.LOGGED_OUT_BY_PHONE, Then.FORGET)
_REFUSED = Meaning(_S.AUTH_FAILED, _R.REFUSED, Then.STOP)
_UNAVAILABLE = Meaning(_S.RECONNECTING, _R.NETWORK_UNAVAILABLE, Then.GO_ON)

# The code is the same in a refused connect and in a log-out.
_REFUSALS: Mapping[str, Meaning] = {
    "GENERIC": _UNAVAILABLE,
    "LOGGED_OUT": _BY_PHONE,
    "TEMP_BANNED": Meaning(_S.AUTH_FAILED, _R.BANNED, Then.STOP),
    "MAIN_DEVICE_GONE": _BY_PHONE,
    "UNKNOWN_LOGOUT": _BY_PHONE,
    "CLIENT_OUTDATED": _OUTDATED,
    "BAD_USER_AGENT": _OUTDATED,
    "INTERNAL_SERVER_ERROR": _UNAVAILABLE,
    "EXPERIMENTAL": _UNAVAILABLE,
    "SERVICE_UNAVAILABLE": _UNAVAILABLE,
}


def _refusal(event: Any) -> Meaning:
    name = event.DESCRIPTOR.fields_by_name["Reason"].enum_type.values_by_number.get(event.Reason)
    return _REFUSALS.get(name.name if name is not None else "", _REFUSED)


def _ban(event: Any) -> Meaning:
    code = event.DESCRIPTOR.fields_by_name["Code"].enum_type.values_by_number.get(event.Code)
    detail = code.name.lower() if code is not None else f"code {event.Code}"
    return Meaning(_S.AUTH_FAILED, _R.BANNED, Then.STOP, detail, int(event.Expire))


def _pairing(event: Any) -> Meaning:
    if event.Status == events.PairStatusEv.SUCCESS:
        return Meaning(_S.INITIALIZING, _R.PAIRED, Then.GO_ON)
    return Meaning(_S.AUTH_FAILED, _R.PAIRING_FAILED, Then.STOP, str(event.Error)[:200])


_MEANINGS: Mapping[type, Callable[[Any], Meaning]] = {
    events.ConnectedEv: lambda _: _CONNECTED,
    events.KeepAliveRestoredEv: lambda _: _CONNECTED,
    events.DisconnectedEv: lambda _: _LOST,
    events.StreamErrorEv: lambda event: Meaning(
        _S.RECONNECTING, _R.CONNECTION_LOST, Then.GO_ON, f"stream error {event.Code}"[:200]
    ),
    # Three missed answers: it says that it is connected, and hears nothing.
    events.KeepAliveTimeoutEv: lambda _: Meaning(_S.RECONNECTING, _R.DEAF, Then.GO_ON),
    events.LoggedOutEv: lambda _: _BY_PHONE,
    events.StreamReplacedEv: lambda _: Meaning(_S.DISCONNECTED, _R.REPLACED, Then.STOP),
    events.TemporaryBanEv: _ban,
    events.ClientOutdatedEv: lambda _: _OUTDATED,
    events.ConnectFailureEv: _refusal,
    events.PairStatusEv: _pairing,
}
STATE_EVENTS = tuple(_MEANINGS)

# What the library says only to a private hook, at the end of the QR phase.
QR_PHASE_ENDS: Mapping[bytes, Meaning] = {
    b"timeout": Meaning(_S.DISCONNECTED, _R.QR_EXPIRED, Then.STOP),
    b"error": Meaning(_S.AUTH_FAILED, _R.PAIRING_FAILED, Then.STOP),
    b"err-client-outdated": _OUTDATED,
}


def meaning_of(event: Any) -> Meaning:
    return _MEANINGS[type(event)](event)
