"""Whom a message goes to, as far as they are known; looked up once in a while, not for each message."""

import time
import uuid
from collections import OrderedDict
from typing import NamedTuple

from control_plane.db.engine import Database
from control_plane.messages.chat_ids import lid_of, phone_of
from control_plane.messages.contacts.repository import ContactRepository
from control_plane.messages.models import Message
from shared.ids import UserId

# A contact whose second name is not known yet has it after the first message.
_BELIEVED, _BELIEVED_HALF = 60.0, 1.0
_MOST = 20_000


class _Known(NamedTuple):
    until: float
    contact_id: uuid.UUID
    phone: str | None
    lid: str | None


class Recipients:
    """What is old here is put right when the message is sent, and by every reader."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: OrderedDict[tuple[uuid.UUID, str], _Known] = OrderedDict()

    async def fill_in(self, message: Message) -> None:
        if not (phone_of(message.chat_id) or lid_of(message.chat_id)):
            return
        name = (message.session_id, message.chat_id)
        known = self._known.get(name)
        if known is None or known.until < time.monotonic():
            known = await self._look_up(message)
            if known is None:
                return
            self._known[name] = known
            self._known.move_to_end(name)
            while len(self._known) > _MOST:
                self._known.popitem(last=False)
        message.contact_id, message.lid = known.contact_id, known.lid
        message.phone = known.phone or message.phone

    async def _look_up(self, message: Message) -> _Known | None:
        async with self._database.tenant(UserId(message.user_id)) as db:
            contact = await ContactRepository(db).met(message.session_id, message.chat_id)
            if contact is None:
                return None
            whole = contact.phone is not None and contact.lid is not None
            until = time.monotonic() + (_BELIEVED if whole else _BELIEVED_HALF)
            return _Known(until, contact.id, contact.phone, contact.lid)
