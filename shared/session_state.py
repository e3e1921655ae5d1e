"""The one table of session states: their reasons, what may follow what, and how a heartbeat counts them."""

from collections.abc import Mapping
from enum import StrEnum


class SessionState(StrEnum):
    DISCONNECTED = "disconnected"
    INITIALIZING = "initializing"
    QR_PENDING = "qr_pending"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    RECOVERING = "recovering"
    AUTH_FAILED = "auth_failed"
    LOGGED_OUT = "logged_out"


class Reason(StrEnum):
    """Machine-readable and stable: customers branch on it."""

    # disconnected
    CREATED = "created"
    REQUESTED = "requested"
    QR_EXPIRED = "qr_expired"
    REPLACED = "replaced"
    NO_WORKER = "no_worker"
    CREDENTIALS_LOST = "credentials_lost"
    CLIENT_CRASHES = "client_crashes"
    # initializing, qr_pending
    STARTING = "starting"
    WAITING_FOR_SCAN = "waiting_for_scan"
    PAIRED = "paired"
    # connected
    LOGGED_IN = "logged_in"
    # reconnecting
    CONNECTION_LOST = "connection_lost"
    DEAF = "deaf"
    NETWORK_UNAVAILABLE = "network_unavailable"
    STORE_AWAY = "store_away"
    # recovering
    WORKER_LOST = "worker_lost"
    WORKER_RESTARTED = "worker_restarted"
    ENGINE_RESTARTED = "engine_restarted"
    MOVING = "moving"
    RESTART_REQUESTED = "restart_requested"
    # auth_failed
    BANNED = "banned"
    OUTDATED = "outdated"
    PASSKEY_REQUIRED = "passkey_required"
    PAIRING_FAILED = "pairing_failed"
    REFUSED = "refused"
    # logged_out
    LOGGED_OUT_BY_USER = "logged_out_by_user"
    LOGGED_OUT_BY_PHONE = "logged_out_by_phone"


_S, _R = SessionState, Reason

REASONS: Mapping[SessionState, frozenset[Reason]] = {
    _S.DISCONNECTED: frozenset(
        {
            _R.CREATED,
            _R.REQUESTED,
            _R.QR_EXPIRED,
            _R.REPLACED,
            _R.NO_WORKER,
            _R.CREDENTIALS_LOST,
            _R.CLIENT_CRASHES,
        }
    ),
    _S.INITIALIZING: frozenset({_R.STARTING, _R.PAIRED}),
    _S.QR_PENDING: frozenset({_R.WAITING_FOR_SCAN}),
    _S.CONNECTED: frozenset({_R.LOGGED_IN}),
    _S.RECONNECTING: frozenset({_R.CONNECTION_LOST, _R.DEAF, _R.NETWORK_UNAVAILABLE, _R.STORE_AWAY}),
    _S.RECOVERING: frozenset(
        {
            _R.WORKER_LOST,
            _R.WORKER_RESTARTED,
            _R.ENGINE_RESTARTED,
            _R.MOVING,
            _R.RESTART_REQUESTED,
            _R.NO_WORKER,
        }
    ),
    _S.AUTH_FAILED: frozenset({_R.BANNED, _R.OUTDATED, _R.PASSKEY_REQUIRED, _R.PAIRING_FAILED, _R.REFUSED}),
    _S.LOGGED_OUT: frozenset({_R.LOGGED_OUT_BY_USER, _R.LOGGED_OUT_BY_PHONE}),
}

# For reports that name a state and no reason that goes with it.
USUAL_REASON: Mapping[SessionState, Reason] = {
    _S.DISCONNECTED: _R.REQUESTED,
    _S.INITIALIZING: _R.STARTING,
    _S.QR_PENDING: _R.WAITING_FOR_SCAN,
    _S.CONNECTED: _R.LOGGED_IN,
    _S.RECONNECTING: _R.CONNECTION_LOST,
    _S.RECOVERING: _R.ENGINE_RESTARTED,
    _S.AUTH_FAILED: _R.REFUSED,
    _S.LOGGED_OUT: _R.LOGGED_OUT_BY_PHONE,
}

# From every state a session may be stopped, and from every state it may turn out to be logged out or refused.
_ENDS = frozenset({_S.DISCONNECTED, _S.LOGGED_OUT, _S.AUTH_FAILED})
_RUNS = frozenset({_S.CONNECTED, _S.RECONNECTING, _S.RECOVERING})

TRANSITIONS: Mapping[SessionState, frozenset[SessionState]] = {
    _S.DISCONNECTED: frozenset({_S.INITIALIZING, _S.RECOVERING, _S.LOGGED_OUT}),
    _S.INITIALIZING: _ENDS | _RUNS | {_S.QR_PENDING},
    # A scan is accepted: the client comes back as a paired one.
    _S.QR_PENDING: _ENDS | {_S.INITIALIZING, _S.CONNECTED, _S.RECOVERING},
    _S.CONNECTED: _ENDS | {_S.RECONNECTING, _S.RECOVERING},
    _S.RECONNECTING: _ENDS | {_S.CONNECTED, _S.RECOVERING, _S.INITIALIZING},
    _S.RECOVERING: _ENDS | {_S.INITIALIZING, _S.CONNECTED, _S.RECONNECTING},
    _S.AUTH_FAILED: frozenset({_S.INITIALIZING, _S.DISCONNECTED, _S.LOGGED_OUT}),
    _S.LOGGED_OUT: frozenset({_S.INITIALIZING, _S.DISCONNECTED}),
}


class Counted(StrEnum):
    """The columns of a heartbeat's session breakdown."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    QR_REQUIRED = "qr_required"
    ERROR = "error"


COUNTED_AS: Mapping[SessionState, Counted] = {
    _S.DISCONNECTED: Counted.DISCONNECTED,
    _S.INITIALIZING: Counted.DISCONNECTED,
    _S.QR_PENDING: Counted.QR_REQUIRED,
    _S.CONNECTED: Counted.CONNECTED,
    _S.RECONNECTING: Counted.DISCONNECTED,
    _S.RECOVERING: Counted.DISCONNECTED,
    _S.AUTH_FAILED: Counted.ERROR,
    _S.LOGGED_OUT: Counted.QR_REQUIRED,
}


def may_follow(before: SessionState, after: SessionState) -> bool:
    """Staying is always allowed: a report that says the same again is no change."""
    return before is after or after in TRANSITIONS[before]
