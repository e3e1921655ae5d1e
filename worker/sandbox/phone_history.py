"""What a phone remembers of its conversations, and how it tells a new companion about them.

As on the real network the newest message of each conversation comes twice: in the first chunk, by which the
companion can show its list of chats at once, and again among the others.
"""

import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from worker.sandbox import media
from worker.sandbox.accounts import Account
from worker.sandbox.groups import Group
from worker.sandbox.library import HistorySync, Message

if TYPE_CHECKING:
    from worker.sandbox.network import Network

_NOTIFICATION = 5
_INITIAL_BOOTSTRAP, _RECENT, _PUSH_NAME = 0, 3, 4
_DELIVERED, _READ = 3, 4
_CHUNK = 200
_CHATS = 500


@dataclass(frozen=True, slots=True)
class Remembered:
    """One message as it stands on the screen of the phone; `author` is a number."""

    message_id: str
    author: str
    timestamp: int
    content: Any


class PhoneHistory:
    """Bounded, and forgotten with the process: only keys and devices outlive it."""

    def __init__(self, network: "Network", number: str) -> None:
        self._network = network
        self._number = number
        self._chats: dict[str, deque[Remembered]] = {}

    def keep(self, chat: Account | Group, message: Remembered) -> None:
        longest = self._network.options.history_messages
        key = _key(chat)
        if key not in self._chats and len(self._chats) >= _CHATS:
            del self._chats[next(iter(self._chats))]
        self._chats.setdefault(key, deque(maxlen=longest)).append(message)

    def chunks(self) -> Iterator[Any]:
        """Messages for a companion that was just linked, none when there is nothing to tell."""
        told = [(key, list(messages)) for key, messages in self._chats.items() if messages]
        if not told:
            return
        newest = [(key, messages[-1:]) for key, messages in told]
        yield self._chunk(_INITIAL_BOOTSTRAP, newest, order=0, progress=100)
        yield self._notification(self._push_names())
        parts = list(_parted(told))
        for order, part in enumerate(parts, 1):
            yield self._chunk(_RECENT, part, order=order, progress=100 * order // len(parts))

    def _chunk(
        self, kind: int, told: list[tuple[str, list[Remembered]]], *, order: int, progress: int
    ) -> Any:
        history: Any = HistorySync(syncType=kind, chunkOrder=order, progress=progress)
        for key, messages in told:
            self._fill(history, key, messages)
        return self._notification(history)

    def _fill(self, history: Any, key: str, messages: list[Remembered]) -> None:
        conversation = history.conversations.add()
        person = self._network.accounts.of_number(key)
        conversation.ID = str(person.lid_jid) if person else key
        if person:
            conversation.name = person.name
            conversation.lidJID, conversation.pnJID = str(person.lid_jid), str(person.phone_jid)
            mapping = history.phoneNumberToLidMappings.add()
            mapping.lidJID, mapping.pnJID = str(person.lid_jid), str(person.phone_jid)
        elif group := self._network.groups.find_text(key):
            conversation.name = group.subject
        conversation.conversationTimestamp = conversation.lastMsgTimestamp = messages[-1].timestamp
        # Companions expect the newest first.
        for place, message in enumerate(reversed(messages)):
            told = conversation.messages.add()
            told.msgOrderID = len(messages) - place
            self._fill_message(told.message, conversation.ID, message, in_group=person is None)

    def _fill_message(self, told: Any, chat: str, message: Remembered, *, in_group: bool) -> None:
        from_me = message.author == self._number
        told.key.remoteJID, told.key.ID, told.key.fromMe = chat, message.message_id, from_me
        told.message.CopyFrom(message.content)
        told.messageTimestamp = message.timestamp
        told.status = _DELIVERED if from_me else _READ
        author = self._network.accounts.of_number(message.author)
        if author and not from_me:
            told.pushName = author.name
            if in_group:
                told.participant = told.key.participant = str(author.lid_jid)

    def _push_names(self) -> Any:
        history: Any = HistorySync(syncType=_PUSH_NAME, chunkOrder=0, progress=100)
        numbers = {message.author for messages in self._chats.values() for message in messages}
        for number in sorted(numbers):
            account = self._network.accounts.of_number(number)
            if account:
                entry = history.pushnames.add()
                entry.ID, entry.pushname = str(account.lid_jid), account.name
        return history

    def _notification(self, history: Any) -> Any:
        packed = zlib.compress(history.SerializeToString())
        content: Any = Message()
        content.protocolMessage.type = _NOTIFICATION
        notice = content.protocolMessage.historySyncNotification
        media.attach(self._network.media, notice, "history", packed)
        notice.syncType = history.syncType
        notice.chunkOrder, notice.progress = history.chunkOrder, history.progress
        return content


def _key(chat: Account | Group) -> str:
    return str(chat.jid) if isinstance(chat, Group) else chat.number


def _parted(told: list[tuple[str, list[Remembered]]]) -> Iterator[list[tuple[str, list[Remembered]]]]:
    """In chunks that are not too large for one message."""
    part: list[tuple[str, list[Remembered]]] = []
    size = 0
    for key, messages in told:
        for start in range(0, len(messages), _CHUNK):
            piece = messages[start : start + _CHUNK]
            if part and size + len(piece) > _CHUNK:
                yield part
                part, size = [], 0
            part.append((key, piece))
            size += len(piece)
    if part:
        yield part
