"""Everything that a phone's owner never sees done: opening, answering, remembering, looking up."""

import asyncio
import sqlite3
from collections import deque
from typing import TYPE_CHECKING

from worker.sandbox import message_kinds, poll_votes
from worker.sandbox.accounts import Account
from worker.sandbox.correspondence import Receipt, Received
from worker.sandbox.devices import DeviceName
from worker.sandbox.groups import Group
from worker.sandbox.message_forms import innermost
from worker.sandbox.message_kinds import Outgoing
from worker.sandbox.phone_habits import PhoneHabits
from worker.sandbox.phone_history import PhoneHistory, Remembered
from worker.sandbox.phone_inbox import CallNews, Inbox, SeenPresence, presence_in
from worker.sandbox.phone_keys import PhoneKeys
from worker.sandbox.phone_mail import PhoneMail
from worker.sandbox.phone_peers import PhonePeers
from worker.sandbox.phone_settings import PhoneSettings
from worker.sandbox.poll_votes import Poll
from worker.sandbox.routing import PEER
from worker.sandbox.wire.nodes import Node, node

if TYPE_CHECKING:
    from worker.sandbox.network import Network

_POLLS = 200
_SEALED = 1000


class PhoneDesk:
    def __init__(
        self, network: "Network", own: DeviceName, keys: PhoneKeys, database: sqlite3.Connection
    ) -> None:
        self.habits = PhoneHabits(database, own.number)
        self.mail = PhoneMail(network, own, keys, database)
        self.history = PhoneHistory(network, own.number)
        self.settings = PhoneSettings(network, own.number, keys.identity)
        self.peers = PhonePeers(network, self.settings, self.history, self.mail.tell_companion)
        self.messages: Inbox[Received] = Inbox(network.start)
        self.receipts: Inbox[Receipt] = Inbox(network.start)
        self.presences: Inbox[SeenPresence] = Inbox(network.start)
        self.calls: Inbox[CallNews] = Inbox(network.start)
        self._network = network
        self._own = own
        self._polls: dict[str, Poll] = {}
        self._sealed: deque[Node] = deque(maxlen=_SEALED)
        self._asked_for = 0

    def send(self, chat: Account | Group, message: Outgoing) -> str:
        message_id = self.mail.send(chat, message)
        self._noticed(
            chat, Remembered(message_id, self._own.number, self._network.clock.seconds(), message.content)
        )
        if isinstance(chat, Account):
            # Whoever writes to somebody has the chat open, and so sees whether the other is there.
            self._network.presences.watch(self._own, chat.lid_jid)
        return message_id

    async def next_message(self) -> Received:
        self._asked_for += 1
        try:
            while self._sealed:
                self._open(self._sealed.popleft(), acknowledged=True)
            return await self.messages.take()
        finally:
            self._asked_for -= 1

    def vote(self, chat: Account | Group, message: Received, options: tuple[str, ...]) -> str:
        poll, in_group = self._poll(message.message_id), isinstance(chat, Group)
        address = str(chat.jid) if isinstance(chat, Group) else str(chat.lid_jid)
        own = self._address(self._own.number)
        return self.send(chat, poll_votes.vote(poll, address, own, options, in_group=in_group))

    def read_vote(self, message: Received) -> tuple[str, ...]:
        poll = self._poll(message.content.pollUpdateMessage.pollCreationMessageKey.ID)
        return poll_votes.read(poll, message.content, self._address(message.sender.number))

    def mark(self, kind: str, chat: Account | Group, messages: tuple[Received, ...]) -> None:
        first, *others = messages
        author = self._network.routing.address(first.sender)
        items = [node("item", {"id": message.message_id}) for message in others]
        attrs = {
            "id": first.message_id,
            "to": chat.jid if isinstance(chat, Group) else chat.lid_jid,
            "participant": author.account if isinstance(chat, Group) else None,
            "type": kind,
            "t": self._network.clock.seconds(),
        }
        self.mail.hand_over(node("receipt", attrs, [node("list", content=items)] if items else None))

    def receive(self, stanza: Node) -> None:
        match stanza.tag:
            case "message" | "receipt":
                self._receive_mail(stanza)
            case "presence" | "chatstate":
                self._receive_presence(stanza)
            case "call":
                self._receive_call(stanza)
            case "notification" if stanza.text("type") == "server_sync":
                for change in stanza.all("collection"):
                    self.settings.changed(change.text("name"), int(change.text("version")))

    def _receive_mail(self, stanza: Node) -> None:
        lazy = self._network.options.lazy_phones and not self._asked_for
        if lazy and stanza.tag == "message" and stanza.text("category") != PEER:
            self._sealed.append(stanza)
            sender = self._network.routing.name_of(stanza.jid("participant") or stanza.jid("from"))
            if sender and self.habits.current.sends_receipts:
                self._acknowledge(stanza, "sender" if sender.number == self._own.number else None)
        else:
            self._open(stanza)

    def _open(self, stanza: Node, *, acknowledged: bool = False) -> None:
        arrived = self.mail.open(stanza)
        if isinstance(arrived, Receipt):
            self.receipts.put(arrived)
        elif arrived is not None:
            if arrived.for_phone:
                self.peers.asked(arrived.sender, arrived.content)
            else:
                self._take(arrived)
            if self.habits.current.sends_receipts and not acknowledged:
                self._acknowledge(
                    stanza, "peer_msg" if arrived.for_phone else "sender" if arrived.from_me else None
                )
            if not arrived.from_me and not self._network.answering:
                # Later, because two phones that answer each other would not come back from here.
                asyncio.get_running_loop().call_soon(self._follow_habits, arrived)

    def _take(self, message: Received) -> None:
        remembered = Remembered(message.message_id, message.sender.number, message.timestamp, message.content)
        self._noticed(self._chat_of(message), remembered)
        self.messages.put(message)

    def _follow_habits(self, message: Received) -> None:
        habits, chat, content = self.habits.current, self._chat_of(message), innermost(message.content)
        text = content.conversation or content.extendedTextMessage.text
        answer = habits.answer_to(text)
        # What phones say by themselves no phone answers, or two of them would never end.
        self._network.answering = True
        try:
            if habits.reads_at_once:
                self.mark("read", chat, (message,))
            if text and answer:
                self.send(chat, message_kinds.text(answer))
        finally:
            self._network.answering = False

    def _acknowledge(self, stanza: Node, kind: str | None) -> None:
        attrs = {
            "id": stanza.text("id"),
            "to": stanza.jid("from"),
            "participant": stanza.jid("participant"),
            "type": kind,
        }
        self.mail.hand_over(node("receipt", attrs))

    def _receive_presence(self, stanza: Node) -> None:
        author = self._network.accounts.find(stanza.jid("participant") or stanza.jid("from"))
        group = self._network.groups.find(stanza.jid("from"))
        if author is not None:
            chat = str(group.jid) if group else author.number
            self.presences.put(presence_in(stanza, author.number, chat))

    def _receive_call(self, stanza: Node) -> None:
        sender, news = self._network.routing.name_of(stanza.jid("from")), stanza.children[0]
        if sender is not None:
            self.calls.put(CallNews(news.text("call-id"), sender, news.tag))

    def _noticed(self, chat: Account | Group, message: Remembered) -> None:
        """Sent or received: what later messages may refer to."""
        if self._network.options.history_messages:
            self.history.keep(chat, message)
        poll = poll_votes.poll_in(message.content, message.message_id, self._address(message.author))
        if poll is not None:
            self._polls[message.message_id] = poll
            if len(self._polls) > _POLLS:
                del self._polls[next(iter(self._polls))]

    def _chat_of(self, message: Received) -> Account | Group:
        return self._network.groups.find_text(message.chat) or self._network.accounts.known(message.chat)

    def _poll(self, message_id: str) -> Poll:
        if message_id not in self._polls:
            raise LookupError(f"this phone does not have the poll {message_id[:40]}")
        return self._polls[message_id]

    def _address(self, number: str) -> str:
        return str(self._network.accounts.known(number).lid_jid)
