"""A message on its way: stored as being sent, then sent, then its outcome is stored, whatever it was."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.db.engine import Database, SystemSite
from control_plane.errors import AppError, Code, not_found
from control_plane.events.log import append
from control_plane.http.principal import Principal
from control_plane.keyring import Keyring
from control_plane.messages.bodies import AnyMessage
from control_plane.messages.changes import EVENTS, apply_change
from control_plane.messages.chat_ids import parse_chat_id, phone_of
from control_plane.messages.composing import Composed, Composer
from control_plane.messages.handing_over import HandingOver
from control_plane.messages.models import Message
from control_plane.messages.pace import PaceKeeper, reserve
from control_plane.messages.refusals import GONE, check_connected, refuse
from control_plane.messages.repository import MessageRepository, StoredMessages
from control_plane.messages.storing import event_data, plain, store_key_of_sent
from control_plane.sessions.models import Session
from control_plane.sessions.repository import SupervisedSessions
from control_plane.sessions.service import Sessions
from control_plane.sessions.transitions import tell, transition
from control_plane.tiers.service import Quotas
from shared.contracts.commands import CommandAnswer, Outcome, SendWish
from shared.ids import new_uuid, parse_public_id, public_id
from shared.session_state import Reason, SessionState

_MOVES_WITHIN = 10.0
_LOOK_EVERY = 0.1
_MAY_HAVE_LEFT = frozenset({Outcome.DONE, Outcome.UNCERTAIN})

Compose = Callable[[Composer], Awaitable[Composed]]
Make = Callable[[Message], Composed]


class Sending:
    def __init__(
        self, database: Database, keyring: Keyring, handing_over: HandingOver, pace: PaceKeeper
    ) -> None:
        self._pace = pace
        self._database = database
        self._keyring = keyring
        self._handing_over = handing_over

    async def send(self, principal: Principal, reference: str | None, body: AnyMessage) -> Message:
        """Without a reference, through the primary session."""
        parse_chat_id(body.to)  # what makes no sense is refused whatever the session's state is
        return await self._sent(principal, reference, lambda composer: composer.compose(body))

    async def send_about(self, principal: Principal, message_id: str, make: Make) -> Message:
        """What concerns a message that WhatsApp knows; `make` says what that is."""
        about = await self._known(principal, message_id)

        async def compose(_: Composer) -> Composed:
            return make(about)

        return await self._sent(principal, f"ses-{about.session_id}", compose)

    async def _known(self, principal: Principal, message_id: str) -> Message:
        identity = parse_public_id("msg", message_id)
        async with self._database.tenant(principal.user_id) as db:
            found = await MessageRepository(db).message(identity) if identity is not None else None
            if found is None:
                raise not_found("message")
            # A test key reaches sandbox sessions only.
            await Sessions(db, self._keyring).session(principal, f"ses-{found.session_id}")
        if found.whatsapp_message_id is None:
            raise AppError(Code.MESSAGE_NOT_SENT, "WhatsApp does not know this message: it was never sent.")
        return found

    async def _sent(self, principal: Principal, reference: str | None, compose: Compose) -> Message:
        session, message, composed = await self._stored(principal, reference, compose)
        answer = await self._handing_over.give(session, _wish(composed, session))
        if answer.outcome is Outcome.NOT_HERE:
            # It has moved, or is about to; nothing was sent, so it may be tried where it lands.
            landed = await self._landed(principal, session, message)
            if landed is not None:
                answer = await self._handing_over.give(landed, _wish(composed, landed))
        message = await self._settled(message, composed, answer)
        if answer.outcome not in _MAY_HAVE_LEFT:
            async with self._database.tenant(principal.user_id) as db:
                await Quotas(db).release_message(message.created_at)
        refuse(answer)
        return message

    async def _stored(
        self, principal: Principal, reference: str | None, compose: Compose
    ) -> tuple[Session, Message, Composed]:
        """Committed before the call, with the epoch of the owner that is to send it."""
        async with self._database.tenant(principal.user_id) as db:
            sessions = Sessions(db, self._keyring)
            session = await sessions.session(principal, reference or await _primary(sessions))
            check_connected(session)
            composed = await compose(Composer(db, session))
        await self._pace.check(session, composed.chat)
        async with self._database.tenant(principal.user_id) as db:
            news = await reserve(db, principal)
            message = _row(session, composed)
            db.add(message)
        if news:
            async with self._database.system(SystemSite.SENDING) as db:
                await append(db, news)
        return session, message, composed

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
                if session.status in GONE:
                    return None
        return None

    async def _settled(self, message: Message, composed: Composed, answer: CommandAnswer) -> Message:
        status = {Outcome.DONE: "sent", Outcome.UNCERTAIN: "uncertain"}.get(answer.outcome, "failed")
        async with self._database.system(SystemSite.SENDING) as db:
            (session,) = await SupervisedSessions(db).locked([message.session_id]) or (None,)
            message = await StoredMessages(db).locked(message.id)
            message.status, message.error = status, answer.words[:500] or None
            kind, data = "message.failed" if status == "failed" else "message.sent", {}
            if answer.outcome is Outcome.DONE:
                message.whatsapp_message_id, message.ack = answer.whatsapp_id, 1
                message.sent_at = datetime.now(UTC)
                await store_key_of_sent(db, message)
                changed = await apply_change(db, message, composed.content, message.sent_at)
                kind = EVENTS.get(message.type, kind)
                data = {"messageId": public_id("msg", changed.id)} if changed is not None else {}
            if session is not None:
                session.last_activity_at = datetime.now(UTC)
                await tell(db, session, kind, event_data(message) | data | {"error": message.error})
                if answer.outcome is Outcome.NOT_CONNECTED and session.epoch == message.epoch:
                    await _found_closed(db, session)
        return message


async def _found_closed(db: AsyncSession, session: Session) -> None:
    """Its worker will tell more; until then nobody is to believe that it is connected."""
    if session.status == SessionState.CONNECTED:
        words = "found closed when something was to be sent"
        await transition(db, session, SessionState.RECONNECTING, Reason.CONNECTION_LOST, words)


def _row(session: Session, composed: Composed) -> Message:
    return Message(
        id=new_uuid(),
        user_id=session.user_id,
        session_id=session.id,
        direction="outbound",
        type=composed.kind,
        chat_id=composed.chat,
        sender=f"{session.phone}@s.whatsapp.net" if session.phone else "",
        recipient=composed.chat,
        phone=phone_of(composed.chat),
        text=composed.text,
        content=plain(composed.content),
        reply_to=plain(composed.reply_to) if composed.reply_to is not None else None,
        mentions=list(composed.mentions),
        forwarded=composed.forwarded,
        status="sending",
        ack=0,
        epoch=session.epoch,
        history=False,
        created_at=datetime.now(UTC),
    )


def _wish(composed: Composed, session: Session) -> SendWish:
    return SendWish(
        epoch=session.epoch,
        recipient=composed.chat,
        content=composed.content,
        reply_to=composed.reply_to,
        mentions=composed.mentions,
        forwarded=composed.forwarded,
    )


async def _primary(sessions: Sessions) -> str:
    primary = await sessions.repository.primary()
    if primary is None:
        raise AppError(
            Code.NO_PRIMARY_SESSION,
            "The account has no session to send through. Make one with POST /v1/sessions and connect it.",
        )
    return f"ses-{primary.id}"
