"""What all messages have in common that a phone is told to send: who writes, where, and how."""

from dataclasses import dataclass
from typing import Annotated

import msgspec

from worker.sandbox.accounts import Account
from worker.sandbox.control.bodies import Body, Number
from worker.sandbox.control.subjects import account
from worker.sandbox.groups import Group
from worker.sandbox.network import Network
from worker.sandbox.phones import Phone

Line = Annotated[str, msgspec.Meta(max_length=1000)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=90 * 86_400)]
People = Annotated[tuple[Number, ...], msgspec.Meta(max_length=100)]


@dataclass(frozen=True, slots=True)
class Desk:
    network: Network
    phone: Phone
    chat: Account | Group

    @property
    def address(self) -> str:
        return str(self.chat.jid if isinstance(self.chat, Group) else self.chat.lid_jid)

    def address_of(self, number: str) -> str:
        return str(account(self.network, number).lid_jid)

    def author_of(self, message_id: str) -> str:
        """A number; what the phone has not received is its own."""
        for message in self.phone.inbox:
            if message.message_id == message_id:
                return message.sender.number
        return self.phone.number


class Form(Body, frozen=True, kw_only=True, tag_field="type"):
    """`to` is a number or the id of a group."""

    to: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    mentions: People = ()
    forwarded: bool = False
    disappears_after: Seconds = 0
