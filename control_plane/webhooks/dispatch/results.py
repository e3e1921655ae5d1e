"""What became of one attempt, and what it means for the delivery."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from control_plane.webhooks.dispatch.parcels import Parcel
from control_plane.webhooks.dispatch.schedule import delay

GONE_STATUS = 410
_RESPONSE_LETTERS = 1000


class Outcome(StrEnum):
    """What the figures tell of attempts."""

    DELIVERED = "delivered"
    # An answer that is no success.
    REFUSED = "refused"
    # No answer.
    UNREACHED = "unreached"
    # It was not sent at all, and never will be.
    IMPOSSIBLE = "impossible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    outcome: Outcome
    at: datetime
    seconds: float
    status_code: int | None = None
    error: str | None = None
    response: str = ""
    retry_after: timedelta | None = None

    @property
    def taken(self) -> bool:
        return self.outcome is Outcome.DELIVERED

    @property
    def of_connection(self) -> bool:
        """Whether the receiver seems to be down, and not only to dislike what it is told."""
        return self.outcome is Outcome.UNREACHED or (self.status_code or 0) >= 500

    def as_try(self) -> dict[str, Any]:
        return {
            "at": self.at,
            "statusCode": self.status_code,
            "error": self.error,
            "milliseconds": round(self.seconds * 1000),
            "response": self.response,
        }


def readable(body: bytes) -> str:
    """The beginning; PostgreSQL keeps no zero bytes in its documents."""
    return body.decode(errors="replace").replace("\0", "�")[:_RESPONSE_LETTERS]


def settle(parcel: Parcel, result: Result) -> str:
    """Notes the attempt on the parcel; its status from now on."""
    early = parcel.attempts > 0 and parcel.due_at is not None and result.at < parcel.due_at
    parcel.attempts += 1
    parcel.first_attempt_at = parcel.first_attempt_at or result.at
    parcel.last_attempt_at = result.at
    if result.taken:
        parcel.due_at = None
        return "delivered"
    if result.outcome is Outcome.IMPOSSIBLE:
        parcel.due_at = None
        return "failed"
    if early and parcel.due_at is not None:
        # It was tried as a scout, and so loses none of its scheduled tries.
        if result.retry_after is not None:
            parcel.due_at = max(parcel.due_at, result.at + result.retry_after)
        return "pending"
    pause = delay(parcel.step)
    if pause is None:
        parcel.due_at = None
        return "failed"
    parcel.step += 1
    parcel.due_at = result.at + timedelta(seconds=result.seconds) + (result.retry_after or pause)
    return "pending"
