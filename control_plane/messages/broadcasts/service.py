"""What an owner does with broadcasts: makes them, holds them back, lets them go on, ends them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.db.engine import Database, SystemSite
from control_plane.errors import AppError, Code, not_found
from control_plane.http.principal import Principal
from control_plane.keyring import Keyring
from control_plane.messages.bodies import AnyMessage
from control_plane.messages.broadcasts import progress
from control_plane.messages.broadcasts.bodies import CreateBroadcastBody, message_of, refused
from control_plane.messages.broadcasts.checking import Merged, Recipient, checked, merged
from control_plane.messages.broadcasts.models import OVER, Broadcast, BroadcastStatus
from control_plane.messages.broadcasts.repository import BroadcastRepository, Counts, StoredBroadcasts
from control_plane.messages.broadcasts.stopping import stop
from control_plane.messages.composing import Composed, Composer
from control_plane.messages.files.media import media_of_sent
from control_plane.messages.queue.plan import moment_of
from control_plane.messages.queue.repository import NEVER, OutboundQueue
from control_plane.messages.receiving.storing import plain
from control_plane.messages.refusals import check_may_wait
from control_plane.sessions.models import Session
from control_plane.sessions.service import Sessions
from shared.contracts.messages import StoredFile
from shared.files.threads import in_thread
from shared.ids import new_uuid, parse_public_id

_MOST_UNFINISHED = 50
_BY_OWNER = "paused by its owner"


@dataclass(frozen=True, slots=True)
class Prepared:
    body: CreateBroadcastBody
    message: AnyMessage
    recipients: list[Recipient]
    send_at: datetime | None


class Broadcasts:
    """`fastest`: how many messages of a broadcast may go out in a minute."""

    def __init__(self, database: Database, keyring: Keyring, fastest: int) -> None:
        self._database = database
        self._keyring = keyring
        self._fastest = fastest

    async def prepared(self, body: CreateBroadcastBody) -> Prepared:
        """All that can be wrong with it alone is told before anything is fetched or stored."""
        if body.per_minute is not None and body.per_minute > self._fastest:
            words = f"A broadcast may send {self._fastest} messages a minute at most."
            raise refused("/perMinute", f"is more than {self._fastest}", words)
        send_at = moment_of(body.send_at) if body.send_at is not None else None
        message = message_of(body.message)
        recipients = await in_thread(checked, body.recipients, message)
        # A message is checked as a whole; this one stands for all of them.
        message.to = recipients[0].chat
        return Prepared(body, message, recipients, send_at)

    async def create(
        self,
        db: AsyncSession,
        principal: Principal,
        reference: str,
        prepared: Prepared,
        file: StoredFile | None,
    ) -> tuple[Broadcast, list[Merged]]:
        """In the transaction of the request."""
        session = await Sessions(db, self._keyring).session(principal, reference, share=True)
        if prepared.send_at is None:
            check_may_wait(session)
        composed = await Composer(lambda: nullcontext(db), session.id).compose(prepared.message, file)
        broadcasts, recipients = BroadcastRepository(db), prepared.recipients
        if await broadcasts.unfinished(session.id) >= _MOST_UNFINISHED:
            words = f"{_MOST_UNFINISHED} broadcasts of the session are not over yet. Wait, or cancel some."
            raise AppError(Code.TOO_MANY_BROADCASTS, words)
        chats = [recipient.chat for recipient in recipients]
        kept, doubles = merged(recipients, await broadcasts.identities(session.id, chats))
        broadcast = _row(session, prepared, composed)
        broadcast.recipients = len(kept)
        await broadcasts.add(broadcast, kept)
        return broadcast, doubles

    async def one(
        self, db: AsyncSession, principal: Principal, reference: str, broadcast_id: str
    ) -> Broadcast:
        session = await Sessions(db, self._keyring).session(principal, reference)
        identity = parse_public_id("bro", broadcast_id)
        found = (
            await BroadcastRepository(db).broadcast(session.id, identity) if identity is not None else None
        )
        if found is None:
            raise not_found("broadcast")
        return found

    async def pause(
        self, principal: Principal, reference: str, broadcast_id: str
    ) -> tuple[Broadcast, Counts]:
        async with self._changed(principal, reference, broadcast_id) as (db, session, broadcast):
            if broadcast.status in OVER:
                raise _over(broadcast)
            broadcast.status, broadcast.status_reason = BroadcastStatus.PAUSED, _BY_OWNER
            broadcast.held, broadcast.due_at = True, NEVER
            await stop(db, session, broadcast)
            return await _told(db, session, broadcast)

    async def resume(
        self, principal: Principal, reference: str, broadcast_id: str
    ) -> tuple[Broadcast, Counts]:
        async with self._changed(principal, reference, broadcast_id) as (db, session, broadcast):
            if broadcast.status in OVER:
                raise _over(broadcast)
            now = datetime.now(UTC)
            if broadcast.status == BroadcastStatus.PAUSED:
                planned = broadcast.send_at is not None and broadcast.send_at > now
                broadcast.held, broadcast.status_reason = False, None
                broadcast.status = BroadcastStatus.SCHEDULED if planned else BroadcastStatus.RUNNING
                broadcast.due_at = broadcast.send_at if planned and broadcast.send_at is not None else now
            return await _told(db, session, broadcast)

    async def cancel(
        self, principal: Principal, reference: str, broadcast_id: str
    ) -> tuple[Broadcast, Counts]:
        async with self._changed(principal, reference, broadcast_id) as (db, session, broadcast):
            if broadcast.status == BroadcastStatus.DONE:
                raise _over(broadcast)
            if broadcast.status != BroadcastStatus.CANCELLED:
                broadcast.status, broadcast.status_reason = BroadcastStatus.CANCELLED, None
                broadcast.finished_at, broadcast.due_at = datetime.now(UTC), NEVER
                await StoredBroadcasts(db).end_waiting(broadcast.id, "cancelled", None)
                await stop(db, session, broadcast)
            return await _told(db, session, broadcast)

    @asynccontextmanager
    async def _changed(
        self, principal: Principal, reference: str, broadcast_id: str
    ) -> AsyncIterator[tuple[AsyncSession, Session, Broadcast]]:
        """Found as its owner, changed as those who send: with the session's row locked before all others."""
        async with self._database.tenant(principal.user_id) as db:
            found = await self.one(db, principal, reference, broadcast_id)
        async with self._database.system(SystemSite.SENDING) as db:
            session = await OutboundQueue(db).session_of(found.session_id)
            broadcast = await StoredBroadcasts(db).locked(found.id)
            if session is None or broadcast is None:
                raise not_found("broadcast")
            yield db, session, broadcast


def _row(session: Session, prepared: Prepared, composed: Composed) -> Broadcast:
    now, body, content = datetime.now(UTC), prepared.body, composed.content
    begin = prepared.send_at or now
    return Broadcast(
        id=new_uuid(),
        user_id=session.user_id,
        session_id=session.id,
        name=body.name,
        kind=composed.kind,
        content=plain(content),
        media=media_of_sent(content) if isinstance(content, StoredFile) else None,
        mentions=list(composed.mentions),
        typing_seconds=prepared.message.typing_seconds,
        status=BroadcastStatus.SCHEDULED if prepared.send_at is not None else BroadcastStatus.RUNNING,
        send_at=prepared.send_at,
        expires_at=begin + timedelta(seconds=body.expires_in) if body.expires_in is not None else None,
        per_minute=body.per_minute,
        created_at=now,
        due_at=begin,
        attempts=0,
        told={},
    )


async def _told(db: AsyncSession, session: Session, broadcast: Broadcast) -> tuple[Broadcast, Counts]:
    await progress.follow(db, session, broadcast)
    return broadcast, await StoredBroadcasts(db).counts(broadcast.id)


def _over(broadcast: Broadcast) -> AppError:
    return AppError(
        Code.BROADCAST_NOT_CHANGEABLE, f"It is {broadcast.status}. Make a new one for whom it did not reach."
    )
