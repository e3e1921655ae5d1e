"""How long messages are kept: as long as their account's tier says, and their keys for longer than that."""

import random
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, exists, or_, select

from control_plane.accounts.models import User
from control_plane.db.engine import Database, SystemSite
from control_plane.db.tenancy import SystemRepository
from control_plane.messages.broadcasts.keeping import KeptBroadcasts
from control_plane.messages.files.removals import FileRemovals
from control_plane.messages.history.months import first_id_at
from control_plane.messages.models import Message, MessageKey
from control_plane.messages.receiving.receipt_models import MessageReceipt, MessageResponse
from control_plane.sessions.models import Session
from control_plane.tiers.limits import LIMITS, Tier, kept_for

# What is on its way is kept, however long it waits.
UNFINISHED = ("scheduled", "queued", "sending")
_LONGEST_DAYS = max(limits.history_days for limits in LIMITS.values())
# The network redelivers for a month. What comes again later is older than any history, and is not stored.
_KEYS_KEPT_LONGER = timedelta(days=35)
_AT_ONCE = 500
_KEYS_AT_ONCE = 5_000
# A process that is asked to end waits for the run; the next one goes on where this one stopped.
_SECONDS = 20.0


class RetainedMessages(SystemRepository):
    async def since(self, user_id: uuid.UUID) -> datetime:
        """What is older is not kept for this account."""
        row: Any = (await self.session.execute(self._accounts().where(User.id == user_id))).one()
        return datetime.now(UTC) - kept_for(row.tier, row.limit_overrides)

    async def accounts(self) -> list[tuple[uuid.UUID, timedelta]]:
        rows: Any = (await self.session.execute(self._accounts())).all()
        return [(row.id, kept_for(row.tier, row.limit_overrides)) for row in rows]

    async def sessions_with_older(self, user_id: uuid.UUID, before: datetime) -> Sequence[uuid.UUID]:
        older = exists().where(Message.session_id == Session.id, Message.created_at < before)
        return (await self.session.scalars(select(Session.id).where(Session.user_id == user_id, older))).all()

    async def purge(self, session_id: uuid.UUID, user_id: uuid.UUID, before: datetime, limit: int) -> int:
        """The oldest first; what somebody else has locked is left for the next time."""
        query = (
            select(Message)
            .where(
                Message.session_id == session_id,
                Message.created_at < before,
                Message.status.not_in(UNFINISHED),
            )
            .order_by(Message.created_at, Message.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        gone = (await self.session.scalars(query)).all()
        await self.remove(session_id, user_id, gone)
        return len(gone)

    async def remove(self, session_id: uuid.UUID, user_id: uuid.UUID, gone: Sequence[Message]) -> int:
        """Locked ones; their keys stay, so that they are known when they are told again. How many files."""
        if not gone:
            return 0
        ids = [message.id for message in gone]
        named = {message.whatsapp_message_id for message in gone if message.whatsapp_message_id}
        for what in (
            delete(Message).where(Message.id.in_(ids)),
            delete(MessageReceipt).where(MessageReceipt.message_id.in_(ids)),
            delete(MessageResponse).where(
                MessageResponse.session_id == session_id,
                MessageResponse.target_id.in_(named),
                or_(
                    MessageResponse.chat_id.in_({message.chat_id for message in gone}),
                    MessageResponse.phone.in_({message.phone for message in gone if message.phone}),
                ),
            ),
        ):
            await self.session.execute(what, execution_options={"synchronize_session": False})
        return await FileRemovals(self.session).note_of(session_id, user_id, gone)

    async def purge_keys(self, before: datetime, limit: int) -> int:
        old = select(MessageKey.message_id).where(MessageKey.message_id < first_id_at(before))
        statement = delete(MessageKey).where(MessageKey.message_id.in_(old.limit(limit)))
        result: Any = await self.session.execute(statement, execution_options={"synchronize_session": False})
        return int(result.rowcount)

    def _accounts(self) -> Select[uuid.UUID, Tier, dict[str, int]]:
        return select(User.id, User.tier, User.limit_overrides)


class Retention:
    def __init__(self, database: Database, *, at_once: int = _AT_ONCE, seconds: float = _SECONDS) -> None:
        self._database = database
        self._at_once = at_once
        self._seconds = seconds

    async def run(self) -> int:
        """How many messages were deleted: in small transactions, and not for long."""
        end = time.monotonic() + self._seconds
        async with self._database.system(SystemSite.PERIODIC_WORK) as db:
            accounts = await RetainedMessages(db).accounts()
        longest = max([timedelta(days=_LONGEST_DAYS), *(kept for _, kept in accounts)])
        await self._keys(datetime.now(UTC) - longest - _KEYS_KEPT_LONGER, end - self._seconds / 2)
        # In another order each time, so that no account's mountain keeps others waiting for ever.
        random.shuffle(accounts)
        purged = 0
        for user_id, kept in accounts:
            purged += await self._of_account(user_id, datetime.now(UTC) - kept, end)
            if time.monotonic() >= end:
                break
        return purged

    async def _of_account(self, user_id: uuid.UUID, before: datetime, end: float) -> int:
        async with self._database.system(SystemSite.PERIODIC_WORK) as db:
            sessions = await RetainedMessages(db).sessions_with_older(user_id, before)
        await self._broadcasts(user_id, before, end)
        purged = 0
        for session_id in sessions:
            some = self._at_once
            while some == self._at_once and time.monotonic() < end:
                async with self._database.system(SystemSite.PERIODIC_WORK) as db:
                    some = await RetainedMessages(db).purge(session_id, user_id, before, self._at_once)
                purged += some
        return purged

    async def _broadcasts(self, user_id: uuid.UUID, before: datetime, end: float) -> None:
        some = self._at_once
        while some >= self._at_once and time.monotonic() < end:
            async with self._database.system(SystemSite.PERIODIC_WORK) as db:
                some = await KeptBroadcasts(db).purge(user_id, before, self._at_once)

    async def _keys(self, before: datetime, end: float) -> None:
        some = _KEYS_AT_ONCE
        while some >= _KEYS_AT_ONCE and time.monotonic() < end:
            async with self._database.system(SystemSite.PERIODIC_WORK) as db:
                some = await RetainedMessages(db).purge_keys(before, _KEYS_AT_ONCE)
