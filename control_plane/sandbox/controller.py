"""Virtual phones for sandbox sessions: they scan, write, read and make trouble on request."""

from typing import Annotated, Any

from litestar import Controller, Request, Response, delete, get, post
from litestar.di import NamedDependency, Provide
from litestar.exceptions import ValidationException
from litestar.params import FromPath, JSONBody, QueryParameter

from control_plane.db.engine import Database, SystemSite
from control_plane.errors import AppError, Code, not_found
from control_plane.http.principal import Access, Principal, Scope, scoped
from control_plane.http.problems import as_app_error, render
from control_plane.keyring import Keyring
from control_plane.messages.chat_ids import parse_chat_id
from control_plane.messages.repository import MessageRepository
from control_plane.sandbox import trouble
from control_plane.sandbox.emulator import Emulator, RefusedError
from control_plane.sandbox.schemas import KINDS, AnyFault, ReceiptsBody, ScanBody
from control_plane.sandbox.trouble import SandboxSession
from control_plane.sessions.models import Session
from control_plane.sessions.repository import SupervisedSessions
from control_plane.sessions.service import Sessions, code_view, qr_view
from shared.ids import parse_public_id

UserRequest = Request[Principal, Access, Any]
Writer = Annotated[str, QueryParameter(name="from", max_length=30)]


async def provide_sandbox_session(
    request: UserRequest,
    session_id: FromPath[str],
    database: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
) -> SandboxSession:
    """In a transaction of its own, over before the emulated network is asked for anything."""
    async with database.tenant(request.user.user_id) as db:
        sessions = Sessions(db, keyring)
        session = await sessions.session(request.user, session_id)
        if not session.sandbox:
            raise not_found("sandbox session")
        return SandboxSession(session, await sessions.live_pairing(session))


def naming_kinds(request: UserRequest, exception: ValidationException) -> Response[dict[str, Any]]:
    error = as_app_error(exception)
    if [each["pointer"] for each in error.errors] == ["/kind"]:
        words = f"The kinds of faults are: {', '.join(KINDS)}."
        error = AppError(Code.VALIDATION_FAILED, words, errors=error.errors)
    return render(request, error)


class SandboxController(Controller):
    path = "/v1/sandbox/sessions/{session_id:str}"
    tags = ["Sandbox"]
    opt = scoped(Scope.SESSIONS_WRITE)
    dependencies = {"session": Provide(provide_sandbox_session)}

    @post("/scan", status_code=200, summary="A virtual phone scans the live code, or types the pairing code")
    async def scan(
        self,
        session: NamedDependency[SandboxSession],
        database: NamedDependency[Database],
        emulator: NamedDependency[Emulator],
        data: JSONBody[ScanBody | None] = None,
    ) -> dict[str, str]:
        card = session.card
        code, qr = code_view(session.pairing), qr_view(session.pairing)
        number = card.pairing_phone if code is not None else None
        wanted = (data.phone if data is not None else None) or number
        if code is None and qr is None:
            raise AppError(Code.NO_QR, f"The session is {card.status}; no code is shown. Connect it first.")
        await _check_whose(wanted, card, database)
        phone = await _phone(emulator, wanted)
        shown = {"pairingCode": code.code} if code is not None else {"code": qr.code if qr else ""}
        linked = await emulator.ask("POST", f"/phones/{phone}/scan", json=shown)
        return {"phone": f"+{linked['number']}"}

    @post("/incoming", status_code=201, summary="A virtual phone writes to the session")
    async def incoming(
        self,
        session: NamedDependency[SandboxSession],
        data: JSONBody[dict[str, Any]],
        emulator: NamedDependency[Emulator],
    ) -> dict[str, Any]:
        writer = await _phone(emulator, data.pop("from", None))
        message = {"type": "text", **data, "to": _own_number(session.card)}
        sent = await emulator.ask("POST", f"/phones/{writer}/messages", json=message)
        return {"whatsappMessageId": sent["messageId"], "from": f"+{writer}"}

    @post("/receipts", status_code=204, summary="A virtual phone has read or played a message")
    async def receipts(
        self,
        session: NamedDependency[SandboxSession],
        data: JSONBody[ReceiptsBody],
        database: NamedDependency[Database],
        emulator: NamedDependency[Emulator],
        request: UserRequest,
    ) -> None:
        async with database.tenant(request.user.user_id) as db:
            message = await MessageRepository(db).sent_by(
                session.card.id, data.message_id, parse_public_id("msg", data.message_id)
            )
        if message is None:
            raise not_found("message that this session has sent")
        reader = _digits(data.reader or message.chat_id)
        body = {"messageIds": [message.whatsapp_message_id], "played": data.type == "played"}
        await emulator.ask("POST", f"/phones/{reader}/read", json=body)

    @get("/inbox", opt=scoped(Scope.SESSIONS_READ), summary="What a virtual phone has received, decrypted")
    async def inbox(
        self, session: NamedDependency[SandboxSession], writer: Writer, emulator: NamedDependency[Emulator]
    ) -> dict[str, Any]:
        """Of the phone that `from` names; only what this session wrote."""
        query = {"from": _own_number(session.card), "limit": 100}
        found = await emulator.ask("GET", f"/phones/{_digits(writer)}/inbox", params=query)
        return {"items": found["items"], "nextCursor": None}

    @post(
        "/faults",
        status_code=204,
        exception_handlers={ValidationException: naming_kinds},
        summary="Trouble for the session's client, or for the pairing whose code it shows",
    )
    async def faults(
        self,
        session: NamedDependency[SandboxSession],
        data: JSONBody[AnyFault],
        emulator: NamedDependency[Emulator],
    ) -> None:
        await trouble.strike(emulator, session, data)

    @delete("/faults", summary="The end of all trouble that lasts")
    async def heal(
        self, session: NamedDependency[SandboxSession], emulator: NamedDependency[Emulator]
    ) -> None:
        await trouble.heal(emulator, session)


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
    except RefusedError as error:
        if not error.is_absent:
            raise
        return str((await emulator.ask("POST", "/phones", json={"number": number}))["number"])


def _digits(text: str) -> str:
    return parse_chat_id(text).partition("@")[0]


def _own_number(session: Session) -> str:
    if session.phone is None:
        raise AppError(Code.SESSION_NOT_CONNECTED, "The session has no number yet: connect and scan first.")
    return session.phone
