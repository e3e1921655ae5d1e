"""When a message is to go out, until when it may, and how soon before others."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from control_plane.errors import AppError, Code
from control_plane.messages.files.bodies import Answering, Outgoing
from control_plane.messages.models import Message
from control_plane.messages.queue.lanes import LONGEST_WAIT, Lane

WAITS = timedelta(hours=24)
_LANES = {"reply": Lane.REPLY, "normal": Lane.NORMAL, "bulk": Lane.BULK}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    lane: Lane = Lane.NORMAL
    send_at: datetime | None = None
    waits: timedelta = WAITS
    typing_seconds: int = 0

    @classmethod
    def of(cls, body: Outgoing) -> "Plan":
        answers = isinstance(body, Answering) and body.reply_to is not None
        return cls(
            lane=_LANES[body.priority] if body.priority else Lane.REPLY if answers else Lane.NORMAL,
            send_at=moment_of(body.send_at) if body.send_at is not None else None,
            waits=timedelta(seconds=body.expires_in) if body.expires_in is not None else WAITS,
            typing_seconds=body.typing_seconds,
        )

    @classmethod
    def at_once(cls) -> "Plan":
        """Of what concerns another message: it belongs to a conversation that goes on now."""
        return cls(lane=Lane.REPLY)

    def apply(self, message: Message) -> None:
        message.lane, message.typing_seconds = self.lane, self.typing_seconds
        message.send_at = self.send_at
        message.expires_at = (self.send_at or message.created_at) + self.waits
        message.status = "scheduled" if self.send_at is not None else "queued"


def moment_of(given: datetime) -> datetime | None:
    """What is past already is sent at once."""
    if given.tzinfo is None:
        raise _wrong("has no time zone", "Write the time with its zone: 2026-12-24T18:00:00Z.")
    now = datetime.now(UTC)
    if given > now + LONGEST_WAIT - timedelta(days=1):
        raise _wrong("is too far away", "A message can be planned for the next 30 days.")
    return given.astimezone(UTC) if given > now else None


def _wrong(short: str, words: str) -> AppError:
    return AppError(Code.VALIDATION_FAILED, words, errors=[{"pointer": "/sendAt", "detail": short}])
