"""The rows of deliveries as they are written."""

from typing import Any

from control_plane.events.places import Place
from control_plane.webhooks.dispatch.ledger import Holder, Note
from control_plane.webhooks.dispatch.parcels import Parcel
from control_plane.webhooks.dispatch.results import Result


def attempted(
    holder: Holder, place: Place, parcel: Parcel, result: Result, status: str, *, is_new: bool, sent: bool
) -> Note:
    row = {
        **_row(holder, parcel),
        "status": status,
        "status_code": result.status_code,
        "error": result.error,
        "tries": [result.as_try()],
    }
    return Note(
        holder=holder,
        place=place,
        row=row,
        is_new=is_new,
        at=result.at,
        taken=result.taken,
        tried=sent,
        failed=status == "failed",
    )


def kept(holder: Holder, place: Place, parcel: Parcel) -> Note:
    """It waits behind another one."""
    row = {**_row(holder, parcel), "status": "pending", "status_code": None, "error": None, "tries": []}
    return Note(holder=holder, place=place, row=row, is_new=True)


def _row(holder: Holder, parcel: Parcel) -> dict[str, Any]:
    endpoint = holder.endpoint
    return {
        "id": parcel.id,
        "user_id": endpoint.user_id,
        "webhook_id": endpoint.id,
        "event_id": parcel.event_id,
        "xid": parcel.place.xid,
        "position": parcel.place.position,
        "session_id": parcel.session_id,
        "type": parcel.type,
        "attempts": parcel.attempts,
        "step": parcel.step,
        "due_at": parcel.due_at,
        "first_attempt_at": parcel.first_attempt_at,
        "last_attempt_at": parcel.last_attempt_at,
    }
