"""What travels over the wire for broadcasts and opt-outs."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from control_plane.accounts.schemas import Answer
from control_plane.messages.broadcasts.checking import Merged
from control_plane.messages.broadcasts.models import Broadcast, BroadcastRecipient, OptOut
from control_plane.messages.schemas import without_places
from shared.ids import public_id

_MOST_SHOWN = 100
# How far somebody's message has come, as a broadcast tells it, and the statuses of messages that this means.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "waiting": ("waiting", "scheduled", "queued", "sending"),
    "sent": ("sent",),
    "delivered": ("delivered",),
    "read": ("read", "played"),
    "failed": ("failed",),
    "uncertain": ("uncertain",),
    "cancelled": ("cancelled",),
    "skipped": ("skipped",),
}
_GROUP_OF = {status: group for group, statuses in GROUPS.items() for status in statuses}


class CountsView(Answer):
    """Each recipient is counted once, where their message is now: who has read theirs is not in `sent`."""

    total: int
    waiting: int
    sent: int
    delivered: int
    read: int
    failed: int
    uncertain: int
    cancelled: int
    skipped: int

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> "CountsView":
        summed = {group: sum(counts.get(one, 0) for one in statuses) for group, statuses in GROUPS.items()}
        return cls(total=sum(summed.values()), **summed)


class BroadcastView(Answer):
    """`statusReason` says what a broadcast waits for, where it does not go on."""

    id: str
    session_id: str
    name: str
    type: str
    content: dict[str, Any]
    status: str
    status_reason: str | None
    counts: CountsView
    per_minute: int | None
    created_at: datetime
    send_at: datetime | None
    expires_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, broadcast: Broadcast, counts: Mapping[str, int]) -> "BroadcastView":
        return cls(**_fields(broadcast, counts))


class MergedView(Answer):
    """The places of two in the list of recipients: the first gets the message, the other is the same chat."""

    position: int
    same_as: int


class CreatedBroadcast(BroadcastView):
    """`merged` shows the first hundred of those who were named again, `mergedCount` how many there are."""

    merged_count: int
    merged: list[MergedView]

    @classmethod
    def made(cls, broadcast: Broadcast, doubles: Sequence[Merged]) -> "CreatedBroadcast":
        return cls(
            merged_count=len(doubles),
            merged=[MergedView(position=one.position, same_as=one.same_as) for one in doubles[:_MOST_SHOWN]],
            **_fields(broadcast, {"waiting": broadcast.recipients}),
        )


class BroadcastRecipientView(Answer):
    """`position` is the place in the list that was given; the chat is empty once the message is erased."""

    position: int
    chat_id: str
    variables: dict[str, str]
    status: str
    error: str | None
    message_id: str | None

    @classmethod
    def of(cls, row: BroadcastRecipient) -> "BroadcastRecipientView":
        return cls(
            position=row.position,
            chat_id=row.chat_id,
            variables=row.variables,
            status=_GROUP_OF.get(row.status, row.status),
            error=row.error,
            message_id=public_id("msg", row.message_id) if row.message_id is not None else None,
        )


class OptOutView(Answer):
    id: str
    phone: str | None
    lid: str | None
    reason: str
    sandbox: bool
    created_at: datetime

    @classmethod
    def of(cls, row: OptOut) -> "OptOutView":
        return cls(
            id=public_id("opt", row.id),
            phone=row.phone,
            lid=row.lid,
            reason=row.reason,
            sandbox=row.sandbox,
            created_at=row.created_at,
        )


def progress_of(broadcast: Broadcast, counts: Mapping[str, int]) -> dict[str, Any]:
    """What an event tells of it."""
    shown: dict[str, Any] = msgspec.to_builtins(CountsView.of(counts))
    return {
        "broadcastId": public_id("bro", broadcast.id),
        "status": broadcast.status,
        "statusReason": broadcast.status_reason,
        "counts": shown,
    }


def _fields(broadcast: Broadcast, counts: Mapping[str, int]) -> dict[str, Any]:
    return {
        "id": public_id("bro", broadcast.id),
        "session_id": public_id("ses", broadcast.session_id),
        "name": broadcast.name,
        "type": broadcast.kind,
        "content": without_places(broadcast.content),
        "status": broadcast.status,
        "status_reason": broadcast.status_reason,
        "counts": CountsView.of(counts),
        "per_minute": broadcast.per_minute,
        "created_at": broadcast.created_at,
        "send_at": broadcast.send_at,
        "expires_at": broadcast.expires_at,
        "started_at": broadcast.started_at,
        "finished_at": broadcast.finished_at,
    }
