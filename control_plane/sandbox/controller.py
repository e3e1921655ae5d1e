"""Virtual phones for sandbox sessions: they scan, write, read and make trouble on request."""

from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.accounts.schemas import Body
from control_plane.errors import AppError, Code, not_found
from control_plane.http.principal import Access, Principal, Scope, scoped
from control_plane.keyring import Keyring
from control_plane.messages.chat_ids import parse_chat_id
from control_plane.sandbox.emulator import Emulator
from control_plane.sessions.models import Session
from control_plane.sessions.service import Sessions, code_view, qr_view

UserRequest = Request[Principal, Access, Any]
Phone = Annotated[str, msgspec.Meta(pattern=r"^\+?[1-9][0-9]{6,14}$")]
Writer = Annotated[str, QueryParameter(name="from", max_length=30)]


class ScanBody(Body):
    phone: Phone | None = None


class ReceiptsBody(Body):
    """`type`: read or played."""

    message_id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    reader: Phone = msgspec.field(name="from")
    type: Annotated[str, msgspec.Meta(pattern="^(read|played)$")] = "read"


class SandboxController(Controller):
    path = "/v1/sandbox/sessions/{session_id:str}"
    tags = ["Sandbox"]
    opt = scoped(Scope.SESSIONS_WRITE)

    @post("/scan", status_code=200, summary="A virtual phone scans the live code, or types the pairing code")
    async def scan(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        db: NamedDependency[AsyncSession],
        keyring: NamedDependency[Keyring],
        emulator: NamedDependency[Emulator],
        data: JSONBody[ScanBody | None] = None,
    ) -> dict[str, str]:
        session = await _sandboxed(request, session_id, db, keyring)
        pairing = await Sessions(db, keyring).live_pairing(session)
        code, qr = code_view(pairing), qr_view(pairing)
        number = session.pairing_phone if code is not None else None
        wanted = (data.phone if data is not None else None) or number
        if code is None and qr is None:
            raise AppError(
                Code.NO_QR, f"The session is {session.status}; no code is shown. Connect it first."
            )
        phone = await _phone(emulator, wanted)
        shown = {"pairingCode": code.code} if code is not None else {"code": qr.code if qr else ""}
        linked = await emulator.ask("POST", f"/phones/{phone}/scan", json=shown)
        return {"phone": f"+{linked['number']}"}

    @post("/incoming", status_code=201, summary="A virtual phone writes to the session")
    async def incoming(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        data: JSONBody[dict[str, Any]],
        db: NamedDependency[AsyncSession],
        keyring: NamedDependency[Keyring],
        emulator: NamedDependency[Emulator],
    ) -> dict[str, Any]:
        session = await _sandboxed(request, session_id, db, keyring)
        writer = await _phone(emulator, _number(data.pop("from", None)))
        message = {"type": "text", **data, "to": _own_number(session)}
        sent = await emulator.ask("POST", f"/phones/{writer}/messages", json=message)
        return {"whatsappMessageId": sent["messageId"], "from": f"+{writer}"}

    @post("/receipts", status_code=204, summary="A virtual phone has read or played a message")
    async def receipts(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        data: JSONBody[ReceiptsBody],
        db: NamedDependency[AsyncSession],
        keyring: NamedDependency[Keyring],
        emulator: NamedDependency[Emulator],
    ) -> None:
        await _sandboxed(request, session_id, db, keyring)
        reader = await _phone(emulator, data.reader)
        body = {"messageIds": [data.message_id], "played": data.type == "played"}
        await emulator.ask("POST", f"/phones/{reader}/read", json=body)

    @get("/inbox", opt=scoped(Scope.SESSIONS_READ), summary="What a virtual phone has received, decrypted")
    async def inbox(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        writer: Writer,
        db: NamedDependency[AsyncSession],
        keyring: NamedDependency[Keyring],
        emulator: NamedDependency[Emulator],
    ) -> dict[str, Any]:
        """Of the phone that `from` names; only what this session wrote."""
        session = await _sandboxed(request, session_id, db, keyring)
        phone = _digits(writer)
        found = await emulator.ask(
            "GET", f"/phones/{phone}/inbox", params={"from": _own_number(session), "limit": 100}
        )
        return {"items": found["items"], "nextCursor": None}

    @post("/faults", status_code=204, summary="Trouble for the session's client")
    async def faults(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        data: JSONBody[dict[str, Any]],
        db: NamedDependency[AsyncSession],
        keyring: NamedDependency[Keyring],
        emulator: NamedDependency[Emulator],
    ) -> None:
        session = await _sandboxed(request, session_id, db, keyring)
        if session.device_jid is None:
            raise AppError(Code.SESSION_NOT_CONNECTED, "The session has no linked device yet: scan first.")
        user, _, device = session.device_jid.partition("@")[0].partition(":")
        await emulator.ask("POST", f"/devices/{user}/{device}/faults", json=data)


async def _sandboxed(request: UserRequest, reference: str, db: AsyncSession, keyring: Keyring) -> Session:
    session = await Sessions(db, keyring).session(request.user, reference)
    if not session.sandbox:
        raise not_found("sandbox session")
    return session


async def _phone(emulator: Emulator, wanted: str | None) -> str:
    """One that exists; a number that nobody has yet is given to a new phone."""
    if wanted is None:
        return str((await emulator.ask("POST", "/phones", json={}))["number"])
    number = _digits(wanted)
    try:
        return str((await emulator.ask("GET", f"/phones/{number}"))["number"])
    except AppError as error:
        if error.code is not Code.VALIDATION_FAILED:
            raise
        return str((await emulator.ask("POST", "/phones", json={"number": number}))["number"])


def _number(value: Any) -> str | None:
    if value is None:
        return None
    return _digits(str(value))


def _digits(text: str) -> str:
    return parse_chat_id(text).partition("@")[0]


def _own_number(session: Session) -> str:
    if session.phone is None:
        raise AppError(Code.SESSION_NOT_CONNECTED, "The session has no number yet: connect and scan first.")
    return session.phone
