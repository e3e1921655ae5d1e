"""Virtual phones: people with an account, who scan, read, write and answer like everybody."""

import asyncio
import sqlite3
from typing import TYPE_CHECKING, Any

from worker.sandbox import media, message_kinds, phone_linking, stanzas
from worker.sandbox.accounts import Account
from worker.sandbox.correspondence import Receipt, Received
from worker.sandbox.devices import Device, DeviceName
from worker.sandbox.groups import Group
from worker.sandbox.message_kinds import Outgoing
from worker.sandbox.phone_keys import PhoneKeys
from worker.sandbox.phone_mail import PhoneMail
from worker.sandbox.wire.jids import Jid
from worker.sandbox.wire.nodes import Node, node

if TYPE_CHECKING:
    from worker.sandbox.network import Network


class Phone:
    """Whatever arrives is read at once and answered with a receipt of delivery."""

    def __init__(self, network: "Network", account: Account, database: sqlite3.Connection) -> None:
        self.account = account
        self.keys = PhoneKeys(database, account.number)
        self.sends_receipts = True
        self._network = network
        self._mail = PhoneMail(network, account, self.keys, database)
        self._messages: asyncio.Queue[Received] = asyncio.Queue()
        self._receipts: asyncio.Queue[Receipt] = asyncio.Queue()

    @property
    def number(self) -> str:
        return self.account.number

    @property
    def companions(self) -> list[Device]:
        return self._network.devices.of(self.account)

    async def scan(self, qr_text: str) -> Device:
        """Links the client that shows this code; returns it as the network knows it from now on."""
        return await phone_linking.scan(self._network, self.account, self.keys.identity, qr_text)

    async def enter_pairing_code(self, code: str) -> Device:
        """Links the client that asked for this number and showed its owner these letters."""
        return await phone_linking.enter_code(self._network, self.account, self.keys.identity, code)

    async def send_text(self, to: "Phone | Account | Group | str", text: str) -> str:
        return await self.send(to, message_kinds.text(text))

    async def send_file(
        self, to: "Phone | Account | Group | str", kind: str, data: bytes, mimetype: str, **details: Any
    ) -> str:
        """`kind` is image, video, audio, document or sticker; `details` fields of its protobuf."""
        content = media.file_message(self._network.media, kind, data, mimetype, **details)
        return await self.send(to, Outgoing(content, "media"))

    async def send(self, to: "Phone | Account | Group | str", message: Outgoing) -> str:
        """Any kind of message; returns its id."""
        return self._mail.send(self._chat(to), message)

    def read_file(self, message: Received) -> bytes:
        """The file that came with a message, opened with the key in it."""
        return media.read_file(self._network.media, message.content)

    async def next_message(self) -> Received:
        """Waits for the next message that nobody has asked for yet, those of own companions included."""
        return await self._messages.get()

    async def next_receipt(self) -> Receipt:
        return await self._receipts.get()

    async def mark_read(self, *messages: Received) -> None:
        """All of them in one receipt; they must come from one chat, in a group from one author."""
        first, *others = messages
        chat, author = self._chat(first.chat), self._network.routing.address(first.sender)
        items = [node("item", {"id": message.message_id}) for message in others]
        attrs = {
            "id": first.message_id,
            "to": chat.jid if isinstance(chat, Group) else chat.lid_jid,
            "participant": author.account if isinstance(chat, Group) else None,
            "type": "read",
            "t": stanzas.now(),
        }
        self._mail.hand_over(node("receipt", attrs, [node("list", content=items)] if items else None))

    async def new_group(self, subject: str, *others: "Phone") -> Group:
        """With its maker as the first admin."""
        return self._network.group_life.create(self.account, subject, [other.account for other in others])

    async def log_out(self, companion: Device) -> None:
        """Removes the companion from the account, as in the phone's list of linked devices."""
        self._network.faults.log_out(companion.name)

    def forget_session(self, peer: DeviceName) -> None:
        """As after a loss of data: what the peer sends next cannot be read and must be asked for again."""
        self._mail.forget(peer)

    def receive(self, stanza: Node) -> None:
        """From the network."""
        arrived = self._mail.open(stanza)
        if isinstance(arrived, Receipt):
            self._receipts.put_nowait(arrived)
        elif arrived is not None:
            self._messages.put_nowait(arrived)
            if self.sends_receipts:
                kind = "sender" if arrived.from_me else None
                attrs = {
                    "id": arrived.message_id,
                    "to": stanza.jid("from"),
                    "participant": stanza.jid("participant"),
                    "type": kind,
                }
                self._mail.hand_over(node("receipt", attrs))

    def _chat(self, to: "Phone | Account | Group | str") -> Account | Group:
        if isinstance(to, Phone):
            return to.account
        if isinstance(to, Account | Group):
            return to
        chat = self._network.groups.find(Jid.parse(to)) if "@" in to else self._network.accounts.of_number(to)
        if chat is None:
            raise LookupError(f"there is no chat with {to}")
        return chat
