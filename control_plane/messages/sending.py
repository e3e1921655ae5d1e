"""A message is accepted: from then on it stands in the queue of its session, whatever happens to us."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

from control_plane.db.engine import Database
from control_plane.errors import AppError, Code, not_found
from control_plane.http.idempotency import MadeRepository
from control_plane.http.principal import Principal
from control_plane.keyring import Keyring
from control_plane.messages.accepting import Accepted, Accepting, Call
from control_plane.messages.bodies import AnyMessage
from control_plane.messages.chat_ids import parse_chat_id
from control_plane.messages.composing import Composed, Composer
from control_plane.messages.details import visible_message
from control_plane.messages.models import Message
from control_plane.messages.outgoing import row_of
from control_plane.messages.pace import PaceKeeper, reserve
from control_plane.messages.queue.drainer import begin_attempt
from control_plane.messages.queue.outboxes import Outboxes
from control_plane.messages.queue.plan import WAITS, Plan
from control_plane.messages.queue.repository import OutboxRepository, Taken
from control_plane.messages.recipients import Recipients
from control_plane.messages.refusals import check_may_wait, refusal_of
from control_plane.messages.repository import MessageRepository
from control_plane.messages.senders import Senders
from control_plane.sessions.models import Session
from control_plane.sessions.service import Sessions
from shared.contracts.messages import StoredFile
from shared.ids import new_uuid
from shared.session_state import SessionState

_SENT_AGAIN = frozenset({"failed", "uncertain", "cancelled"})

Compose = Callable[[Composer], Awaitable[Composed]]
Make = Callable[[Message], Composed]


class Sending:
    """`patience`: how many seconds a caller waits for WhatsApp, before it is told that it will be sent."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        outboxes: Outboxes,
        pace: PaceKeeper,
        patience: float,
    ) -> None:
        self._pace = pace
        self._database = database
        self._keyring = keyring
        self._outboxes = outboxes
        self._patience = patience
        self._senders = Senders(database, keyring)
        self._recipients = Recipients(database)
        self._accepting = Accepting(database)

    async def send(
        self, call: Call, reference: str | None, body: AnyMessage, file: StoredFile | None = None
    ) -> Message:
        """Without a reference, through the primary session; `file` is the body's, as it is stored."""
        # What makes no sense is refused whatever the session's state is.
        chat, plan = parse_chat_id(body.to), Plan.of(body)
        return await self._sent(call, reference, chat, lambda composer: composer.compose(body, file), plan)

    async def send_about(self, call: Call, message_id: str, make: Make) -> Message:
        """What concerns a message that WhatsApp knows; `make` says what that is."""
        about = await self._known(call.principal, message_id)
        composed = make(about)

        async def compose(_: Composer) -> Composed:
            return composed

        reference = f"ses-{about.session_id}"
        return await self._sent(call, reference, composed.chat, compose, Plan.at_once())

    async def resend(self, call: Call, message_id: str) -> Message:
        """What failed, or may have: its owner says that it is to go out, a second time perhaps."""
        async with self._database.tenant(call.principal.user_id) as db:
            found = await visible_message(db, Sessions(db, self._keyring), call.principal, message_id)
        call.headers.update(await self._pace.check(found.session_id, found.chat_id))
        async with self._database.tenant(call.principal.user_id) as db:
            sessions = Sessions(db, self._keyring)
            session = await sessions.session(call.principal, f"ses-{found.session_id}", share=True)
            check_may_wait(session)
            taken = await OutboxRepository(db).take_place(session.id, self._token())
            message = await OutboxRepository(db).locked_message(found.id)
            if message is None or message.direction != "outbound" or message.status not in _SENT_AGAIN:
                words = "Only messages that failed, were cancelled, or may have been sent can be sent again."
                raise AppError(Code.MESSAGE_NOT_CHANGEABLE, words)
            await reserve(db, call.principal)
            message.error, message.awaits_journal, message.send_at = None, False, None
            message.expires_at = datetime.now(UTC) + WAITS
            message.status = "queued"
            accepted = _begun(session, message, taken)
        return await self._handled(call, accepted, Plan())

    async def _known(self, principal: Principal, message_id: str) -> Message:
        async with self._database.tenant(principal.user_id) as db:
            found = await visible_message(db, Sessions(db, self._keyring), principal, message_id)
        if found.whatsapp_message_id is None:
            raise AppError(Code.MESSAGE_NOT_SENT, "WhatsApp does not know this message: it was never sent.")
        return found

    async def _sent(
        self, call: Call, reference: str | None, chat: str, compose: Compose, plan: Plan
    ) -> Message:
        accepted = await self._accepted(call, reference, chat, compose, plan)
        if accepted is None:
            # A moment ago this name was another session's.
            self._senders.forget(call.principal, reference)
            accepted = await self._accepted(call, reference, chat, compose, plan)
        if accepted is None:
            raise not_found("session")
        return await self._handled(call, accepted, plan)

    async def _accepted(
        self, call: Call, reference: str | None, chat: str, compose: Compose, plan: Plan
    ) -> Accepted | None:
        session_id = await self._senders.id_of(call.principal, reference)
        if plan.send_at is None:
            call.headers.update(await self._pace.check(session_id, chat))
        composed = await compose(Composer(lambda: self._database.tenant(call.principal.user_id), session_id))
        message = row_of(Session(id=session_id, user_id=call.principal.user_id), composed)
        plan.apply(message)
        await self._recipients.fill_in(message)
        return await self._accepting.accept(call, reference, message, self._token())

    async def _handled(self, call: Call, accepted: Accepted, plan: Plan) -> Message:
        message, outcomes = accepted.message, self._outboxes.outcomes
        waits = call.wait and plan.send_at is None
        if waits:
            outcomes.expect(message.id)
        if accepted.claim is not None:
            self._outboxes.begin(accepted.claim, accepted.begun)
        if not waits:
            return message
        settled = await outcomes.wait(message.id, self._patience)
        if settled is None:
            return await self._as_it_is(call.principal, message)
        if settled.message.status == "failed":
            await self._undone(call)
            raise refusal_of(settled.message, settled.answer)
        return settled.message

    async def _undone(self, call: Call) -> None:
        """Its caller is told that it failed, and may try with the same key."""
        if call.once is not None:
            async with self._database.tenant(call.principal.user_id) as db:
                await MadeRepository(db).note(call.once, None)

    def _token(self) -> UUID | None:
        """To hold an outbox by. While this process ends, it takes nothing more upon itself."""
        return None if self._outboxes.stopping else new_uuid()

    async def _as_it_is(self, principal: Principal, message: Message) -> Message:
        async with self._database.tenant(principal.user_id) as db:
            return await MessageRepository(db).message(message.id) or message


def _begun(session: Session, message: Message, taken: Taken) -> Accepted:
    message.place = taken.place
    if taken.claim is None or not taken.idle or session.status != SessionState.CONNECTED:
        return Accepted(message, taken.claim)
    begin_attempt(message, session)
    return Accepted(message, taken.claim, (session, message))
