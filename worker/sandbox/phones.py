"""Virtual phones: people with an account, who scan, read, write and answer like everybody."""

import sqlite3
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from worker.sandbox import media, message_kinds, phone_linking
from worker.sandbox.accounts import Account
from worker.sandbox.correspondence import Receipt, Received
from worker.sandbox.devices import Device, DeviceName
from worker.sandbox.groups import Group
from worker.sandbox.message_kinds import Outgoing
from worker.sandbox.phone_calls import PhoneCalls
from worker.sandbox.phone_desk import PhoneDesk
from worker.sandbox.phone_habits import Habits
from worker.sandbox.phone_history import Remembered
from worker.sandbox.phone_inbox import CallNews, Inbox, SeenPresence
from worker.sandbox.phone_keys import PhoneKeys
from worker.sandbox.wire.jids import Jid
from worker.sandbox.wire.nodes import Node, node

if TYPE_CHECKING:
    from worker.sandbox.network import Network

Typing = Literal["composing", "recording", "paused"]


class Phone:
    """Whatever arrives is read at once and answered with a receipt of delivery."""

    def __init__(self, network: "Network", number: str, database: sqlite3.Connection) -> None:
        self.number = number
        self.keys = PhoneKeys(database, number, network.chance.of(f"keys of {number}"))
        self._network = network
        self._name = DeviceName(number, 0)
        self._desk = PhoneDesk(network, self._name, self.keys, database)
        self._calls = PhoneCalls(network, self._name)

    @property
    def account(self) -> Account:
        return self._network.accounts.known(self.number)

    @property
    def companions(self) -> list[Device]:
        return self._network.devices.of(self.account)

    @property
    def habits(self) -> Habits:
        return self._desk.habits.current

    @habits.setter
    def habits(self, habits: Habits) -> None:
        self._desk.habits.current = habits

    @property
    def inbox(self) -> Inbox[Received]:
        """All that it has received, those of own companions included."""
        return self._desk.messages

    @property
    def receipts(self) -> Inbox[Receipt]:
        return self._desk.receipts

    @property
    def sends_receipts(self) -> bool:
        return self.habits.sends_receipts

    @sends_receipts.setter
    def sends_receipts(self, wanted: bool) -> None:
        self.habits = msgspec.structs.replace(self.habits, sends_receipts=wanted)

    async def scan(self, qr_text: str) -> Device:
        """Links the client that shows this code; returns it as the network knows it from now on."""
        return await phone_linking.scan(self._network, self.account, self.keys.identity, qr_text)

    async def enter_pairing_code(self, code: str) -> Device:
        """Links the client that asked for this number and showed its owner these letters."""
        return await phone_linking.enter_code(self._network, self.account, self.keys.identity, code)

    async def log_out(self, companion: Device) -> None:
        """Removes the companion from the account, as in the phone's list of linked devices."""
        self._network.faults.log_out(companion.name)

    def greet(self, companion: DeviceName) -> None:
        self._desk.peers.greet(companion)

    def set_name(self, name: str) -> None:
        """The name that others see; companions hear of it too."""
        self._desk.settings.set_push_name(name)

    async def send_text(self, to: "Phone | Account | Group | str", text: str) -> str:
        return await self.send(to, message_kinds.text(text))

    async def send_file(
        self, to: "Phone | Account | Group | str", kind: str, data: bytes, mimetype: str, **details: Any
    ) -> str:
        """`kind` is one of the table in media.py; `details` are fields of its protobuf."""
        content = media.file_message(self._network.media, kind, data, mimetype, **details)
        return await self.send(to, Outgoing(content, "media"))

    async def send(self, to: "Phone | Account | Group | str", message: Outgoing) -> str:
        """Any kind of message; returns its id."""
        return self._desk.send(self._chat(to), message)

    async def send_unreadable(
        self, to: "Phone | Account | Group | str", text: str = "unreadable", *, answers_retry: bool = False
    ) -> str:
        """No device can read it; when they ask for it again they get it, or never an answer."""
        message = message_kinds.text(text)
        return self._desk.mail.send_unreadable(self._chat(to), message, answers_retry=answers_retry)

    async def send_withheld(self, to: "Phone | Account | str", kind: str = "view_once") -> str:
        """What the network shows to phones only: companions learn that there is a message, and no more."""
        chat = self._chat(to)
        if isinstance(chat, Group):
            raise TypeError("what is withheld from companions is sent to a person")
        return self._desk.mail.send_withheld(chat, kind)

    async def vote(self, poll: Received, *options: str) -> str:
        """In a poll that this phone has received or made; no option takes the vote back."""
        return self._desk.vote(self._chat(poll.chat), poll, options)

    def read_vote(self, message: Received) -> tuple[str, ...]:
        """The options that somebody voted for; LookupError when this phone does not have the poll."""
        return self._desk.read_vote(message)

    def read_file(self, message: Received) -> bytes:
        """The file that came with a message, opened with the key in it."""
        return media.read_file(self._network.media, message.content)

    async def next_message(self) -> Received:
        """Waits for the next message that nobody has asked for yet, those of own companions included."""
        return await self._desk.next_message()

    def remember(self, to: "Phone | Account | Group | str", messages: Iterable[Remembered]) -> None:
        """As if all this had been said in that chat before; a companion linked later is told of it."""
        for message in messages:
            self._desk.history.keep(self._chat(to), message)

    def forget_session(self, peer: DeviceName) -> None:
        """As after a loss of data: what the peer sends next cannot be read and must be asked for again."""
        self._desk.mail.forget(peer)

    async def next_receipt(self) -> Receipt:
        return await self._desk.receipts.take()

    async def mark_read(self, *messages: Received, privately: bool = False) -> None:
        """All in one receipt; they must come from one chat, in a group from one author.

        Privately only own companions learn of it, as when the owner has turned read receipts off.
        """
        self._desk.mark("read-self" if privately else "read", self._chat(messages[0].chat), messages)

    async def mark_played(self, *messages: Received) -> None:
        """Voice and video, as `mark_read` marks everything else."""
        self._desk.mark("played", self._chat(messages[0].chat), messages)

    def set_presence(self, *, available: bool) -> None:
        self._network.presences.change(self._name, available=available)

    def set_typing(self, to: "Phone | Account | Group | str", state: Typing) -> None:
        chat = self._chat(to)
        child = node("composing", {"media": "audio"}) if state == "recording" else node(state)
        address = chat.jid if isinstance(chat, Group) else chat.lid_jid
        self._network.presences.typed(self._name, node("chatstate", {"to": address}, [child]))

    def watch(self, person: "Phone | Account") -> None:
        """From now on this phone sees whether that person is there."""
        self._network.presences.watch(
            self._name, person.account.lid_jid if isinstance(person, Phone) else person.lid_jid
        )

    async def next_presence(self) -> SeenPresence:
        """What it saw of those it watches or has written to, and who typed something to it."""
        return await self._desk.presences.take()

    def call(self, to: "Phone | Account | str", *, video: bool = False) -> str:
        """Rings at all devices of a person until it is hung up; returns the id of the call."""
        return self._calls.place(self._chat(to), video=video)

    def hang_up(self, call_id: str, reason: str = "") -> None:
        self._calls.end(call_id, reason)

    async def next_call(self) -> CallNews:
        return await self._desk.calls.take()

    async def new_group(self, subject: str, *others: "Phone") -> Group:
        """With its maker as the first admin."""
        return self._network.group_life.create(self.account, subject, [other.account for other in others])

    def receive(self, stanza: Node) -> None:
        """From the network."""
        self._desk.receive(stanza)

    def _chat(self, to: "Phone | Account | Group | str") -> Account | Group:
        if isinstance(to, Phone):
            return to.account
        if isinstance(to, Account | Group):
            return to
        chat = self._network.groups.find(Jid.parse(to)) if "@" in to else self._network.accounts.of_number(to)
        if chat is None:
            raise LookupError(f"there is no chat with {to}")
        return chat
