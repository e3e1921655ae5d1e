"""A text on its way: stored as being sent, then sent, then its outcome is stored, whatever it was."""

import asyncio
import time
from datetime import UTC, datetime

from control_plane.db.engine import Database, SystemSite
from control_plane.errors import AppError, Code
from control_plane.fleet.repository import FleetRepository
from control_plane.fleet.routing import Route, Routes
from control_plane.fleet.worker_client import Address, WorkerClient, WorkerTrouble
from control_plane.http.principal import Principal
from control_plane.keyring import Keyring
from control_plane.messages.chat_ids import parse_chat_id, phone_of
from control_plane.messages.models import Message
from control_plane.messages.repository import MessageRepository, StoredMessages
from control_plane.messages.schemas import SendBody
from control_plane.messages.storing import event_data, store_key_of_sent
from control_plane.sessions.models import Session
from control_plane.sessions.repository import SupervisedSessions
from control_plane.sessions.service import Sessions
from control_plane.sessions.transitions import tell
from shared.contracts.fleet import CommandAnswer, Outcome, TextWish
from shared.ids import new_uuid
from shared.session_state import SessionState

_PATIENCE = 30.0
_MOVES_WITHIN = 10.0
_LOOK_EVERY = 0.1
_GONE = frozenset({SessionState.DISCONNECTED, SessionState.AUTH_FAILED, SessionState.LOGGED_OUT})


class Sending:
    def __init__(self, database: Database, client: WorkerClient, keyring: Keyring, routes: Routes) -> None:
        self._routes = routes
        self._database = database
        self._client = client
        self._keyring = keyring

    async def send(self, principal: Principal, reference: str | None, body: SendBody) -> Message:
        """Without a reference, through the primary session."""
        chat = parse_chat_id(body.to)
        session, message = await self._stored(principal, reference, chat, body.text)
        answer = await self._attempt(session, message, await self._address(session))
        if answer.outcome is Outcome.NOT_HERE:
            answer = await self._by_the_tables(session, message) or answer
        if answer.outcome is Outcome.NOT_HERE:
            # It has moved, or is about to; nothing was sent, so it may be tried where it lands.
            landed = await self._landed(principal, session, message)
            if landed is not None:
                answer = await self._attempt(landed, message, await self._address(landed))
        return await self._settled(message, answer)

    async def _landed(self, principal: Principal, before: Session, message: Message) -> Session | None:
        """The same session with a new owner; committed with the epoch of that owner."""
        end = time.monotonic() + _MOVES_WITHIN
        while time.monotonic() < end:
            await asyncio.sleep(_LOOK_EVERY)
            async with self._database.tenant(principal.user_id) as db:
                session = await Sessions(db, self._keyring).session(principal, f"ses-{before.id}")
                if session.epoch > before.epoch and session.status == SessionState.CONNECTED:
                    found = await MessageRepository(db).message(message.id)
                    if found is not None:
                        found.epoch = session.epoch
                    return session
                if session.status in _GONE:
                    return None
        return None

    async def _stored(
        self, principal: Principal, reference: str | None, chat: str, text: str
    ) -> tuple[Session, Message]:
        """Committed before the call, with the epoch of the owner that is to send it."""
        async with self._database.tenant(principal.user_id) as db:
            sessions = Sessions(db, self._keyring)
            session = await sessions.session(principal, reference or await _primary(sessions))
            _check_connected(session)
            message = Message(
                id=new_uuid(),
                user_id=session.user_id,
                session_id=session.id,
                direction="outbound",
                type="text",
                chat_id=chat,
                sender=f"{session.phone}@s.whatsapp.net" if session.phone else "",
                recipient=chat,
                phone=phone_of(chat),
                text=text,
                content={},
                status="sending",
                ack=0,
                epoch=session.epoch,
                history=False,
                created_at=datetime.now(UTC),
            )
            db.add(message)
            return session, message

    async def _by_the_tables(self, session: Session, message: Message) -> CommandAnswer | None:
        """The map may be old: what the tables say is tried once, and written into the map."""
        route = await self._routes.route(session.id)
        address = await self._stored_address(session)
        if route is None or address is None or _address_of(route) == address:
            return None
        right = Route(
            session_id=str(session.id),
            epoch=session.epoch,
            status=session.status,
            worker_id=address.worker_id,
            endpoint=address.endpoint,
            incarnation=address.incarnation,
            token_key_id=address.token_key_id,
        )
        await self._routes.put([right])
        return await self._attempt(session, message, address)

    async def _attempt(self, session: Session, message: Message, address: Address | None) -> CommandAnswer:
        if address is None:
            return CommandAnswer(outcome=Outcome.NOT_CONNECTED)
        wish = TextWish(epoch=session.epoch, recipient=message.chat_id, text=message.text or "")
        try:
            return await self._client.send_text(address, str(session.id), wish, _PATIENCE)
        except WorkerTrouble as error:
            outcome = Outcome.UNCERTAIN if error.sent else Outcome.NOT_HERE
            return CommandAnswer(outcome=outcome, words=str(error))

    async def _address(self, session: Session) -> Address | None:
        if session.worker_id is None:
            return None
        route = await self._routes.route(session.id)
        known = _address_of(route) if route is not None and route.epoch == session.epoch else None
        return known or await self._stored_address(session)

    async def _stored_address(self, session: Session) -> Address | None:
        if session.worker_id is None:
            return None
        async with self._database.system(SystemSite.SENDING) as db:
            worker = await FleetRepository(db).worker(session.worker_id)
            return Address.of(worker) if worker is not None and worker.retired_at is None else None

    async def _settled(self, message: Message, answer: CommandAnswer) -> Message:
        status = {Outcome.DONE: "sent", Outcome.UNCERTAIN: "uncertain"}.get(answer.outcome, "failed")
        async with self._database.system(SystemSite.SENDING) as db:
            (session,) = await SupervisedSessions(db).locked([message.session_id]) or (None,)
            message = await StoredMessages(db).locked(message.id)
            message.status, message.error = status, answer.words[:500] or None
            if answer.outcome is Outcome.DONE:
                message.whatsapp_message_id, message.ack = answer.whatsapp_id, 1
                message.sent_at = datetime.now(UTC)
                await store_key_of_sent(db, message)
            if session is not None:
                session.last_activity_at = datetime.now(UTC)
                kind = "message.failed" if status == "failed" else "message.sent"
                await tell(db, session, kind, event_data(message) | {"error": message.error})
        _refuse(answer)
        return message


def _address_of(route: Route) -> Address | None:
    if route.worker_id is None:
        return None
    return Address(route.worker_id, route.endpoint, route.incarnation, route.token_key_id)


async def _primary(sessions: Sessions) -> str:
    primary = await sessions.repository.primary()
    if primary is None:
        raise AppError(
            Code.NO_PRIMARY_SESSION,
            "The account has no session to send through. Make one with POST /v1/sessions and connect it.",
        )
    return f"ses-{primary.id}"


def _check_connected(session: Session) -> None:
    if session.status in _GONE:
        raise AppError(
            Code.SESSION_NOT_CONNECTED,
            "Client not found. Please reconnect the session.",
            extra={"sessionStatus": session.status},
        )
    if session.status != SessionState.CONNECTED:
        raise AppError(
            Code.SESSION_NOT_READY,
            f"The session is {session.status}. Try again in a moment.",
            headers={"Retry-After": "2"},
            extra={"sessionStatus": session.status},
        )


def _refuse(answer: CommandAnswer) -> None:
    if answer.outcome is Outcome.NOT_CONNECTED:
        raise AppError(Code.SESSION_NOT_CONNECTED, "Client session closed. Please reconnect the session.")
    if answer.outcome is Outcome.NOT_HERE:
        raise AppError(
            Code.WORKER_UNREACHABLE,
            "The session is moving to another worker; nothing was sent. Try again in a moment.",
            headers={"Retry-After": "2"},
        )
    if answer.outcome is Outcome.REFUSED:
        raise AppError(Code.MESSAGE_REFUSED, f"WhatsApp refused the message: {answer.words[:300]}")
