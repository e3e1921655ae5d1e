"""How an endpoint does: how much it is sent at once, when it is left alone, when it is given up."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from control_plane.webhooks.dispatch.endpoints import Endpoint
from control_plane.webhooks.dispatch.results import GONE_STATUS, Result
from control_plane.webhooks.dispatch.schedule import FAILING_FOR, OVERTAKEN_AFTER
from control_plane.webhooks.dispatch.slots import Width

# What fails although others are taken is tried along with them only every now and then.
_SCOUTING_PAUSE = timedelta(minutes=10)
_RECOVERED_PAUSE = timedelta(seconds=5)
_ASK_TO_WAIT = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Verdict:
    """`recovered`: all that waits is due; `disabled`: why it is given up."""

    recovered: bool = False
    disabled: str | None = None


class Standing:
    def __init__(self, endpoint: Endpoint) -> None:
        self._width = Width()
        self.failing_since = endpoint.failing_since
        self.recovered_at = endpoint.recovered_at
        self.paused_until: datetime | None = None
        self._scout_again_at: datetime | None = None

    @property
    def width(self) -> int:
        return self._width.now

    def is_paused(self, now: datetime) -> bool:
        return self.paused_until is not None and now < self.paused_until

    def judge(self, result: Result, *, early: bool, failed_before: bool) -> Verdict:
        """`early`: it was tried before its time; `failed_before`: this very delivery."""
        return self._taken(result, failed_before) if result.taken else self._failed(result, early)

    def _taken(self, result: Result, failed_before: bool) -> Verdict:
        now, failing = result.at, self.failing_since is not None
        self.failing_since = None
        self._width.answered(result.seconds)
        scouting = self._scout_again_at is None or now >= self._scout_again_at
        lately = self.recovered_at is not None and now - self.recovered_at < _RECOVERED_PAUSE
        recovered = (failed_before and not lately) or (failing and scouting)
        if recovered:
            self.recovered_at, self.paused_until = now, None
        return Verdict(recovered=recovered)

    def _failed(self, result: Result, early: bool) -> Verdict:
        now = result.at
        self.failing_since = self.failing_since or now
        self._width.failed()
        if early:
            self._scout_again_at = now + _SCOUTING_PAUSE
        if result.retry_after is not None and result.status_code in _ASK_TO_WAIT:
            self.paused_until = now + min(result.retry_after, OVERTAKEN_AFTER)
        if result.status_code == GONE_STATUS:
            return Verdict(disabled="gone")
        return Verdict(disabled="failing" if now - self.failing_since >= FAILING_FOR else None)
