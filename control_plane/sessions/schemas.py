"""What travels over the wire for sessions."""

from datetime import datetime
from typing import Annotated, Any

import msgspec

from control_plane.accounts.schemas import Answer, Body
from control_plane.sessions.models import Session, SessionChange
from shared.ids import public_id
from shared.session_state import Reason, SessionState

Description = Annotated[str, msgspec.Meta(max_length=500)]
Metadata = dict[Annotated[str, msgspec.Meta(max_length=100)], Any]
# What a worker says of itself, and what a session would rather have: region=eu.
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=63)]
Labels = Annotated[dict[Label, Annotated[str, msgspec.Meta(max_length=200)]], msgspec.Meta(max_length=50)]
DeviceName = Annotated[str, msgspec.Meta(min_length=1, max_length=50)]
ProxyUrl = Annotated[str, msgspec.Meta(max_length=500)]


class CreateSessionBody(Body):
    name: Annotated[str, msgspec.Meta(max_length=200)]
    description: Description = ""
    sandbox: bool = False
    proxy: ProxyUrl | None = None
    device_name: DeviceName = "Waypost"
    metadata: Metadata = msgspec.field(default_factory=dict)
    worker_labels: Labels = msgspec.field(default_factory=dict)


class ChangeSessionBody(Body):
    name: Annotated[str, msgspec.Meta(max_length=200)] | msgspec.UnsetType = msgspec.UNSET
    description: Description | msgspec.UnsetType = msgspec.UNSET
    proxy: ProxyUrl | msgspec.UnsetType | None = msgspec.UNSET
    device_name: DeviceName | msgspec.UnsetType = msgspec.UNSET
    metadata: Metadata | msgspec.UnsetType = msgspec.UNSET
    worker_labels: Labels | msgspec.UnsetType = msgspec.UNSET


class ConnectBody(Body):
    """`wait`: so many seconds the answer may take, for a code to be in it."""

    method: Annotated[str, msgspec.Meta(pattern="^(qr|code)$")] = "qr"
    phone: Annotated[str, msgspec.Meta(max_length=30)] | None = None
    wait: Annotated[float, msgspec.Meta(ge=0, le=30)] = 5


class BulkBody(Body):
    action: Annotated[str, msgspec.Meta(pattern="^(connect|disconnect|restart|logout|delete)$")]
    session_ids: Annotated[
        list[Annotated[str, msgspec.Meta(max_length=200)]], msgspec.Meta(min_length=1, max_length=100)
    ]


class SessionView(Answer):
    id: str
    name: str
    description: str
    status: SessionState
    status_reason: Reason
    status_detail: str
    status_at: datetime
    phone: str | None
    whatsapp_id: str | None
    lid: str | None
    display_name: str | None
    is_primary: bool
    sandbox: bool
    device_name: str
    has_proxy: bool
    worker_id: str | None
    created_at: datetime
    connected_at: datetime | None
    last_activity_at: datetime | None
    metadata: dict[str, Any]
    worker_labels: dict[str, str]

    @classmethod
    def of(cls, session: Session) -> "SessionView":
        return cls(**shown(session))


class QrView(Answer):
    """`png` as a data URL, `svg` as a document."""

    code: str
    number: int
    png: str
    svg: str
    expires_at: datetime


class PairingCodeView(Answer):
    code: str
    expires_at: datetime


class ConnectingView(SessionView):
    qr: QrView | None = None
    pairing_code: PairingCodeView | None = None


class ChangeView(Answer):
    id: str
    before: SessionState
    status: SessionState
    status_reason: Reason
    detail: str
    worker_id: str | None
    epoch: int
    timestamp: datetime

    @classmethod
    def of(cls, change: SessionChange) -> "ChangeView":
        return cls(
            id=public_id("chg", change.id),
            before=SessionState(change.before),
            status=SessionState(change.after),
            status_reason=Reason(change.reason),
            detail=change.detail,
            worker_id=change.worker_id,
            epoch=change.epoch,
            timestamp=change.created_at,
        )


class BulkResult(Answer):
    """`code` and `detail` say why, where it was not done."""

    session_id: str
    done: bool
    status: SessionState | None = None
    code: str | None = None
    detail: str | None = None


class BulkView(Answer):
    results: list[BulkResult]


def shown(session: Session) -> dict[str, Any]:
    return {
        "id": public_id("ses", session.id),
        "name": session.name,
        "description": session.description,
        "status": SessionState(session.status),
        "status_reason": Reason(session.status_reason),
        "status_detail": session.status_detail,
        "status_at": session.status_at,
        "phone": f"+{session.phone}" if session.phone else None,
        "whatsapp_id": f"{session.phone}@s.whatsapp.net" if session.phone else None,
        "lid": session.lid or None,
        "display_name": session.display_name or None,
        "is_primary": session.is_primary,
        "sandbox": session.sandbox,
        "device_name": session.device_name,
        "has_proxy": session.sealed_proxy is not None,
        "worker_id": session.worker_id,
        "created_at": session.created_at,
        "connected_at": session.connected_at,
        "last_activity_at": session.last_activity_at,
        "metadata": session.labels,
        "worker_labels": session.worker_labels,
    }
