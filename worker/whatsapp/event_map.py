"""One table from what the library reports to what it means: a state, a reason, and what the client does.

The library's task goes on after a log-out, a replacement, a ban or an outdated client, and its QR phase ends
without any event: whatever has to end is ended by us, and this table says so.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from shared.contracts.told import Meaning, Then
from shared.session_state import Reason, SessionState
from worker.whatsapp.library import events

_S, _R = SessionState, Reason
CONNECTED = Meaning(_S.CONNECTED, _R.LOGGED_IN, Then.GO_ON)
_LOST = Meaning(_S.RECONNECTING, _R.CONNECTION_LOST, Then.GO_ON)
_OUTDATED = Meaning(_S.AUTH_FAILED, _R.OUTDATED, Then.STOP)
LOGGED_OUT = Meaning(_S.LOGGED_OUT, _R.LOGGED_OUT_BY_PHONE, Then.FORGET)
_REFUSED = Meaning(_S.AUTH_FAILED, _R.REFUSED, Then.STOP)
_UNAVAILABLE = Meaning(_S.RECONNECTING, _R.NETWORK_UNAVAILABLE, Then.GO_ON)

# The code is the same in a refused connect and in a log-out.
_REFUSALS: Mapping[str, Meaning] = {
    "GENERIC": _UNAVAILABLE,
    "LOGGED_OUT": LOGGED_OUT,
    "TEMP_BANNED": Meaning(_S.AUTH_FAILED, _R.BANNED, Then.STOP),
    "MAIN_DEVICE_GONE": LOGGED_OUT,
    "UNKNOWN_LOGOUT": LOGGED_OUT,
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
    events.ConnectedEv: lambda _: CONNECTED,
    events.KeepAliveRestoredEv: lambda _: CONNECTED,
    events.DisconnectedEv: lambda _: _LOST,
    events.StreamErrorEv: lambda event: Meaning(
        _S.RECONNECTING, _R.CONNECTION_LOST, Then.GO_ON, f"stream error {event.Code}"[:200]
    ),
    # It says that it is connected, and hears nothing.
    events.KeepAliveTimeoutEv: lambda _: Meaning(
        _S.RECONNECTING, _R.DEAF, Then.GO_ON, "a keep-alive was missed"
    ),
    events.LoggedOutEv: lambda _: LOGGED_OUT,
    events.StreamReplacedEv: lambda _: Meaning(_S.DISCONNECTED, _R.REPLACED, Then.STOP),
    events.TemporaryBanEv: _ban,
    events.ClientOutdatedEv: lambda _: _OUTDATED,
    events.ConnectFailureEv: _refusal,
    events.PairStatusEv: _pairing,
}
STATE_EVENTS = tuple(_MEANINGS)

_PASSKEY = Meaning(
    _S.AUTH_FAILED,
    _R.PASSKEY_REQUIRED,
    Then.STOP,
    "WhatsApp wants this account's passkey before it links a device, which only WhatsApp's own apps can give",
)
_NOT_PAIRED = Meaning(_S.AUTH_FAILED, _R.PAIRING_FAILED, Then.STOP)

# What the library says only to a private hook, at the end of the QR phase.
QR_PHASE_ENDS: Mapping[bytes, Meaning] = {
    b"timeout": Meaning(_S.DISCONNECTED, _R.QR_EXPIRED, Then.STOP),
    b"error": replace(_NOT_PAIRED, detail="the phone and this device did not agree on their keys"),
    b"err-client-outdated": _OUTDATED,
    b"err-unexpected-state": replace(_NOT_PAIRED, detail="the network ended the pairing"),
    # It waits for an answer then that nobody can give, and shows no code any more.
    b"passkey-request": _PASSKEY,
    b"passkey-confirmation": _PASSKEY,
}
# The pairing goes on, or has done its work.
_QR_PHASE_GOES_ON = frozenset({b"success", b"err-scanned-without-multidevice"})

# One event that the library cannot pack ends its report of all events. Its error names the kind of the event.
_UNPACKED = re.compile(r"required field neonize\.(\w+)\.")
_UNPACKED_ENDS: Mapping[str, Meaning] = {
    "TemporaryBan": Meaning(_S.AUTH_FAILED, _R.BANNED, Then.STOP, "for a reason that is not known here"),
    "ConnectFailure": replace(_REFUSED, detail="for a reason that is not known here"),
    "LoggedOut": LOGGED_OUT,
}
DEAF = Meaning(_S.RECONNECTING, _R.DEAF, Then.GO_ON, "its report of events ended; it is started again")
SILENT = Meaning(_S.RECONNECTING, _R.DEAF, Then.GO_ON, "the network did not answer; it connects anew")
CLIENT_CRASHES = Meaning(_S.DISCONNECTED, _R.CLIENT_CRASHES, Then.STOP)


def meaning_of(event: Any) -> Meaning:
    return _MEANINGS[type(event)](event)


def meaning_of_qr_end(status: bytes) -> Meaning | None:
    """None when the pairing goes on; a word that is not known here ends it."""
    if status in _QR_PHASE_GOES_ON:
        return None
    known = QR_PHASE_ENDS.get(status)
    return known or replace(_NOT_PAIRED, detail=f"it ended with {status.decode(errors='replace')!r}"[:200])


def meaning_of_lost_report(words: str) -> Meaning:
    kind = _UNPACKED.search(words)
    return _UNPACKED_ENDS.get(kind[1] if kind is not None else "", DEAF)
