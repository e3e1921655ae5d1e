"""Virtual phones for sandbox sessions: they scan, write, read and make trouble on request."""

from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.accounts.schemas import Body
from control_plane.db.engine import Database, SystemSite
from control_plane.errors import AppError, Code, not_found
from control_plane.http.principal import Access, Principal, Scope, scoped
from control_plane.messages.chat_ids import PHONE, parse_chat_id
from control_plane.messages.repository import MessageRepository
from control_plane.sandbox.emulator import Emulator
from control_plane.sessions.models import Session
from control_plane.sessions.repository import SupervisedSessions
from control_plane.sessions.service import Sessions, code_view, qr_view
from shared.ids import parse_public_id

UserRequest = Request[Principal, Access, Any]
Phone = Annotated[str, msgspec.Meta(pattern=f"^{PHONE}$")]
Writer = Annotated[str, QueryParameter(name="from", max_length=30)]


class ScanBody(Body):
    phone: Phone | None = None


class ReceiptsBody(Body):
    """`messageId` as we or as WhatsApp names it; `from` where it is not the one that we wrote it to."""

    message_id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    reader: Phone | None = msgspec.field(default=None, name="from")
    type: Annotated[str, msgspec.Meta(pattern="^(read|played)$")] = "read"


async def provide_sandbox_session(
    request: UserRequest, session_id: FromPath[str], sessions: NamedDependency[Sessions]
) -> Session:
    session = await sessions.session(request.user, session_id)
    if not session.sandbox:
        raise not_found("sandbox session")
    return session


class SandboxController(Controller):
    path = "/v1/sandbox/sessions/{session_id:str}"
    tags = ["Sandbox"]
    opt = scoped(Scope.SESSIONS_WRITE)
    dependencies = {"session": Provide(provide_sandbox_session)}

    @post("/scan", status_code=200, summary="A virtual phone scans the live code, or types the pairing code")
    async def scan(
        self,
        session: NamedDependency[Session],
        sessions: NamedDependency[Sessions],
        database: NamedDependency[Database],
        emulator: NamedDependency[Emulator],
        data: JSONBody[ScanBody | None] = None,
    ) -> dict[str, str]:
        pairing = await sessions.live_pairing(session)
        code, qr = code_view(pairing), qr_view(pairing)
        number = session.pairing_phone if code is not None else None
        wanted = (data.phone if data is not None else None) or number
        if code is None and qr is None:
            raise AppError(
                Code.NO_QR, f"The session is {session.status}; no code is shown. Connect it first."
            )
        await _check_whose(wanted, session, database)
        phone = await _phone(emulator, wanted)
        shown = {"pairingCode": code.code} if code is not None else {"code": qr.code if qr else ""}
        linked = await emulator.ask("POST", f"/phones/{phone}/scan", json=shown)
        return {"phone": f"+{linked['number']}"}

    @post("/incoming", status_code=201, summary="A virtual phone writes to the session")
    async def incoming(
        self,
        session: NamedDependency[Session],
        data: JSONBody[dict[str, Any]],
        emulator: NamedDependency[Emulator],
    ) -> dict[str, Any]:
        writer = await _phone(emulator, data.pop("from", None))
        message = {"type": "text", **data, "to": _own_number(session)}
        sent = await emulator.ask("POST", f"/phones/{writer}/messages", json=message)
        return {"whatsappMessageId": sent["messageId"], "from": f"+{writer}"}

    @post("/receipts", status_code=204, summary="A virtual phone has read or played a message")
    async def receipts(
        self,
        session: NamedDependency[Session],
        data: JSONBody[ReceiptsBody],
        db: NamedDependency[AsyncSession],
        emulator: NamedDependency[Emulator],
    ) -> None:
        message = await MessageRepository(db).sent_by(
            session.id, data.message_id, parse_public_id("msg", data.message_id)
        )
        if message is None:
            raise not_found("message that this session has sent")
        reader = _digits(data.reader or message.chat_id)
        body = {"messageIds": [message.whatsapp_message_id], "played": data.type == "played"}
        await emulator.ask("POST", f"/phones/{reader}/read", json=body)

    @get("/inbox", opt=scoped(Scope.SESSIONS_READ), summary="What a virtual phone has received, decrypted")
    async def inbox(
        self, session: NamedDependency[Session], writer: Writer, emulator: NamedDependency[Emulator]
    ) -> dict[str, Any]:
        """Of the phone that `from` names; only what this session wrote."""
        query = {"from": _own_number(session), "limit": 100}
        found = await emulator.ask("GET", f"/phones/{_digits(writer)}/inbox", params=query)
        return {"items": found["items"], "nextCursor": None}

    @post("/faults", status_code=204, summary="Trouble for the session's client")
    async def faults(
        self,
        session: NamedDependency[Session],
        data: JSONBody[dict[str, Any]],
        emulator: NamedDependency[Emulator],
    ) -> None:
        if session.device_jid is None:
            raise AppError(Code.SESSION_NOT_CONNECTED, "The session has no linked device yet: scan first.")
        user, _, device = session.device_jid.partition("@")[0].partition(":")
        await emulator.ask("POST", f"/devices/{user}/{device}/faults", json=data)


async def _check_whose(wanted: str | None, session: Session, database: Database) -> None:
    """Linked to it, a session would read what another account's phone gets."""
    if wanted is None:
        return
    async with database.system(SystemSite.SANDBOX) as db:
        if await SupervisedSessions(db).phone_of_another(session.user_id, _digits(wanted)):
            raise AppError(
                Code.VALIDATION_FAILED,
                "This virtual phone belongs to somebody else. Name another number, or none for a new phone.",
                errors=[{"pointer": "/phone", "detail": "is taken"}],
            )


async def _phone(emulator: Emulator, wanted: Any) -> str:
    """One that exists; a number that nobody has yet is given to a new phone."""
    if wanted is None:
        return str((await emulator.ask("POST", "/phones", json={}))["number"])
    number = _digits(str(wanted))
    try:
        return str((await emulator.ask("GET", f"/phones/{number}"))["number"])
    except AppError as error:
        if error.code is not Code.VALIDATION_FAILED:
            raise
        return str((await emulator.ask("POST", "/phones", json={"number": number}))["number"])


def _digits(text: str) -> str:
    return parse_chat_id(text).partition("@")[0]


def _own_number(session: Session) -> str:
    if session.phone is None:
        raise AppError(Code.SESSION_NOT_CONNECTED, "The session has no number yet: connect and scan first.")
    return session.phone
