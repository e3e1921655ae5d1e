"""Messages that came in are marked as read: on the phones of those who wrote them, and here."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

from control_plane.db.engine import Database
from control_plane.errors import not_found
from control_plane.http.principal import Principal
from control_plane.keyring import Keyring
from control_plane.messages.asking import Asking
from control_plane.messages.models import Message
from control_plane.messages.repository import MessageRepository
from control_plane.sessions.models import Session
from control_plane.sessions.service import Sessions
from shared.contracts.commands import ReadWish

MOST_AT_ONCE = 500


class Reading:
    def __init__(self, database: Database, keyring: Keyring, asking: Asking) -> None:
        self._database = database
        self._keyring = keyring
        self._asking = asking

    async def read(self, principal: Principal, reference: str, chat: str, only: Sequence[str] | None) -> int:
        """How many. Each is marked here when its writer was told, so that what failed is still unread."""
        async with self._database.tenant(principal.user_id) as db:
            session = await Sessions(db, self._keyring).session(principal, reference)
            unread = await MessageRepository(db).unread(session.id, chat, MOST_AT_ONCE, only=only)
        if only is not None and len(unread) < len(set(only)):
            raise not_found("unread message in this chat")
        by_writer: defaultdict[tuple[str, str], list[Message]] = defaultdict(list)
        for message in unread:
            by_writer[message.chat_id, message.sender].append(message)
        for messages in by_writer.values():
            await self._told(principal, reference, messages)
        return len(unread)

    async def _told(self, principal: Principal, reference: str, messages: Sequence[Message]) -> None:
        """Of one writer in one chat."""
        ids = tuple(message.whatsapp_message_id or "" for message in messages)

        def wish(session: Session) -> ReadWish:
            first = messages[0]
            return ReadWish(epoch=session.epoch, chat=first.chat_id, sender=first.sender, whatsapp_ids=ids)

        await self._asking.ask(principal, reference, wish)
        async with self._database.tenant(principal.user_id) as db:
            await MessageRepository(db).mark_read([message.id for message in messages], datetime.now(UTC))
