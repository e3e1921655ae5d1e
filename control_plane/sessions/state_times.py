"""How long sessions take to their first code and to their connection, as histograms of this process."""

from collections.abc import Mapping
from typing import Any, ClassVar

from prometheus_client import CollectorRegistry, Histogram
from sqlalchemy.ext.asyncio import AsyncSession

from shared.session_state import Reason, SessionState

_S, _R = SessionState, Reason
_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120)
# From a code to a connection it is somebody's phone that is waited for, which is no figure of ours.
_AFTER: Mapping[tuple[SessionState, Reason], str] = {
    (_S.INITIALIZING, _R.STARTING): "start",
    (_S.INITIALIZING, _R.PAIRED): "scan",
    **{(_S.RECONNECTING, reason): "connection_lost" for reason in Reason},
    **{(_S.RECOVERING, reason): "recovery" for reason in Reason},
}


class StateTimes:
    """Observed with the change itself; one that is rolled back and comes again is seen twice."""

    KEY: ClassVar[str] = "state_times"

    def __init__(self, registry: CollectorRegistry) -> None:
        self._to_qr = Histogram(
            "waypost_session_qr_seconds",
            "From the start of a client to its first QR code",
            registry=registry,
            buckets=_BUCKETS,
        )
        self._to_connect = Histogram(
            "waypost_session_connect_seconds",
            "To connected, from the change before it: a start, a scan, a lost connection, a recovery",
            ["after"],
            registry=registry,
            buckets=_BUCKETS,
        )
        for after in dict.fromkeys(_AFTER.values()):
            self._to_connect.labels(after)

    @classmethod
    def of(cls, db: AsyncSession) -> "StateTimes | None":
        found: Any = db.info.get(cls.KEY)
        return found if isinstance(found, cls) else None

    def changed(self, before: tuple[SessionState, Reason], after: SessionState, seconds: float) -> None:
        seconds = max(0.0, seconds)
        if after is _S.QR_PENDING and before == (_S.INITIALIZING, _R.STARTING):
            self._to_qr.observe(seconds)
        elif after is _S.CONNECTED and before in _AFTER:
            self._to_connect.labels(_AFTER[before]).observe(seconds)
