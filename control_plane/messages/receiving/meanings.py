"""What each word of a client means for its session: one function for each, and the table of them."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.messages.broadcasts.opt_outs import heed
from control_plane.messages.contacts.identity import learn
from control_plane.messages.files.media import media_of
from control_plane.messages.files.removals import FileRemovals, is_of_session
from control_plane.messages.history.retention import RetainedMessages
from control_plane.messages.models import Message
from control_plane.messages.receiving import storing
from control_plane.messages.receiving.changes import EVENTS, apply_change
from control_plane.messages.receiving.outside import moment, short
from control_plane.messages.receiving.receipts import apply_early_receipts, store_receipt
from control_plane.messages.repository import StoredMessages
from control_plane.sessions.models import Session
from control_plane.sessions.repository import SupervisedSessions
from control_plane.sessions.transitions import tell, transition
from shared.contracts import told as words
from shared.ids import public_id
from shared.session_state import Reason, SessionState

# ---- what only the present owner may say ----


async def _qr(db: AsyncSession, session: Session, told: words.QrShown) -> None:
    expires = datetime.now(UTC) + timedelta(seconds=told.seconds)
    await SupervisedSessions(db).put_pairing(session, number=told.number, qr=told.code, qr_expires_at=expires)
    session.qr_codes += 1
    await transition(db, session, SessionState.QR_PENDING, Reason.WAITING_FOR_SCAN)
    data = {"code": told.code, "number": told.number, "expiresAt": expires.isoformat()}
    await tell(db, session, "session.qr", data)


async def _pairing_code(db: AsyncSession, session: Session, told: words.PairingCodeShown) -> None:
    expires = datetime.now(UTC) + timedelta(seconds=told.seconds)
    await SupervisedSessions(db).put_pairing(session, code=told.code, code_expires_at=expires)
    data = {"code": told.code, "expiresAt": expires.isoformat()}
    await tell(db, session, "session.pairing_code", data)


async def _paired(db: AsyncSession, session: Session, told: words.Paired) -> None:
    session.device_jid = told.device_jid
    await SupervisedSessions(db).drop_pairing(session.id)
    await tell(db, session, "session.authenticated", {"platform": told.platform})


async def _logged_in(db: AsyncSession, session: Session, told: words.LoggedInAs) -> None:
    session.device_jid = told.device_jid or session.device_jid
    session.phone = told.phone.lstrip("+") or session.phone
    session.lid = told.lid or session.lid
    session.display_name = told.display_name or session.display_name
    await learn(db, session, phone=session.phone, lid=session.lid, push_name=session.display_name)


# ---- what is true whoever owns the session now ----


async def _message(db: AsyncSession, session: Session, told: words.MessageReceived) -> None:
    message = await storing.store_received(db, session, told.message)
    if message is None:
        return
    target = await apply_change(db, message, told.message.content, message.created_at)
    kind = EVENTS.get(message.type, "message.sent" if told.message.from_me else "message.received")
    data = storing.event_data(message)
    if target is not None:
        data["messageId"] = public_id("msg", target.id)
    await tell(db, session, kind, data)
    for ack in await apply_early_receipts(db, message):
        await tell(db, session, "message.ack", ack)
    await heed(db, session, message)


async def _history(db: AsyncSession, session: Session, told: words.HistoryReceived) -> None:
    since = await RetainedMessages(db).since(session.user_id)
    for message in told.messages:
        if moment(message.timestamp) < since:
            continue
        stored = await storing.store_received(db, session, message, history=True)
        if stored is None:
            continue
        await apply_change(db, stored, message.content, stored.created_at)
        await apply_early_receipts(db, stored)
        if not stored.history:
            # It was told as undecryptable: no old story, but the end of a new one.
            await tell(db, session, "message.received", storing.event_data(stored))
            await heed(db, session, stored)


async def _file(db: AsyncSession, session: Session, told: words.FileKept | words.FileNotKept) -> None:
    key = told.message
    message = await StoredMessages(db).with_file(session.id, told.chat, key.sender, short(key.whatsapp_id))
    if message is not None:
        message.media = media_of(told)
        await tell(db, session, "message.media", storing.event_data(message) | {"media": _public(message)})
    elif isinstance(told, words.FileKept) and is_of_session(told.key, session.id):
        # Its message was erased meanwhile, or is too old to be kept.
        await FileRemovals(db).note(session.user_id, [told.key])


def _public(message: Message) -> dict[str, Any]:
    """Where it lies is nobody's business; the message itself has a link to it."""
    return {name: value for name, value in (message.media or {}).items() if name != "key"}


async def _receipt(db: AsyncSession, session: Session, told: words.ReceiptSeen) -> None:
    for ack in await store_receipt(db, session, told):
        await tell(db, session, "message.ack", ack)


async def _undecryptable(db: AsyncSession, session: Session, told: words.Undecryptable) -> None:
    message = await storing.store_undecryptable(db, session, told)
    if message is not None:
        data = storing.event_data(message) | {"withheld": told.withheld}
        await tell(db, session, "message.undecryptable", data)


async def _call(db: AsyncSession, session: Session, told: words.CallSeen) -> None:
    data = {"callId": told.call_id, "from": told.sender, "state": told.state}
    await tell(db, session, "call.received", data)


async def _group(db: AsyncSession, session: Session, told: words.GroupChanged) -> None:
    data = {
        "groupId": told.group,
        "author": told.author,
        "joined": told.joined,
        "subject": told.subject,
        "description": told.description,
        "added": list(told.added),
        "removed": list(told.removed),
        "promoted": list(told.promoted),
        "demoted": list(told.demoted),
    }
    await tell(db, session, "group.updated", data)


async def _typing(db: AsyncSession, session: Session, told: words.TypingSeen) -> None:
    data = {"chatId": told.chat, "from": told.sender, "state": told.state}
    await tell(db, session, "presence.updated", data)


async def _presence(db: AsyncSession, session: Session, told: words.PresenceSeen) -> None:
    data = {"from": told.sender, "available": told.available, "lastSeen": told.last_seen}
    await tell(db, session, "presence.updated", data)


Handler = Callable[[AsyncSession, Session, Any], Awaitable[None]]
OF_THE_OWNER = frozenset(
    {words.QrShown, words.PairingCodeShown, words.Paired, words.LoggedInAs, words.StateSeen, words.Fenced}
)
HANDLERS: Mapping[type, Handler] = {
    words.QrShown: _qr,
    words.PairingCodeShown: _pairing_code,
    words.Paired: _paired,
    words.LoggedInAs: _logged_in,
    words.MessageReceived: _message,
    words.HistoryReceived: _history,
    words.ReceiptSeen: _receipt,
    words.FileKept: _file,
    words.FileNotKept: _file,
    words.Undecryptable: _undecryptable,
    words.CallSeen: _call,
    words.GroupChanged: _group,
    words.TypingSeen: _typing,
    words.PresenceSeen: _presence,
}
ACTIVITY = frozenset({words.MessageReceived, words.ReceiptSeen, words.TypingSeen, words.PresenceSeen})
