"""Messages of a phone sealed for each device that is to read them."""

import sqlite3
from typing import TYPE_CHECKING, Any

from worker.sandbox.accounts import Account
from worker.sandbox.correspondence import copy_for_companions, padded
from worker.sandbox.devices import DeviceName
from worker.sandbox.groups import Group
from worker.sandbox.library import Message
from worker.sandbox.phone_keys import PhoneKeys
from worker.sandbox.phone_sender_keys import PhoneSenderKeys
from worker.sandbox.phone_sessions import PhoneSessions
from worker.sandbox.signal.prekeys import Bundle
from worker.sandbox.wire.jids import Jid
from worker.sandbox.wire.nodes import Node, node

if TYPE_CHECKING:
    from worker.sandbox.network import Network


class PhoneSealing:
    def __init__(
        self, network: "Network", own: DeviceName, keys: PhoneKeys, database: sqlite3.Connection
    ) -> None:
        self.sessions = PhoneSessions(database, own.number, keys)
        self.sender_keys = PhoneSenderKeys(database, own)
        self._network = network
        self._own = own

    def parts(self, chat: Account | Group, content: Any) -> list[Node]:
        if isinstance(chat, Group):
            return self._parts_of_group(chat, content)
        own = self._network.accounts.known(self._own.number)
        readers = self._readers(list(dict.fromkeys((chat, own))))
        return [self._participants({name: self.seal(name, chat, content) for name in readers})]

    def seal(
        self, peer: DeviceName, chat: Account | Group, content: Any, offered: Bundle | None = None
    ) -> Node:
        copied = peer.number == self._own.number and isinstance(chat, Account)
        whole = copy_for_companions(content, str(address_of(chat))) if copied else content
        return self.seal_as_it_is(peer, whole, offered)

    def seal_as_it_is(self, peer: DeviceName, content: Any, offered: Bundle | None = None) -> Node:
        kind, sealed = self.sessions.seal(
            peer,
            padded(content.SerializeToString()),
            self._network.identity_of(peer),
            lambda: offered or self._network.bundle_of(peer),
        )
        return node("enc", {"v": "2", "type": kind}, sealed)

    def _parts_of_group(self, group: Group, content: Any) -> list[Node]:
        """The message, sealed once for all, and its key for those who have not heard it."""
        readers, plain = (
            self._readers(self._network.groups.members(group)),
            padded(content.SerializeToString()),
        )
        announcement, untold, sealed = self.sender_keys.seal(str(group.jid), plain, readers)
        told: Any = Message()
        told.senderKeyDistributionMessage.groupID = str(group.jid)
        told.senderKeyDistributionMessage.axolotlSenderKeyDistributionMessage = announcement
        common = node("enc", {"v": "2", "type": "skmsg"}, sealed)
        return [self._participants({name: self.seal(name, group, told) for name in untold}), common]

    def _readers(self, people: list[Account]) -> list[DeviceName]:
        names = (name for person in people for name in self._network.routing.devices_of(person))
        return [name for name in names if name != self._own]

    def _participants(self, sealed: dict[DeviceName, Node]) -> Node:
        address = self._network.routing.address
        return node(
            "participants",
            content=[node("to", {"jid": address(name)}, [part]) for name, part in sealed.items()],
        )


def address_of(chat: Account | Group) -> Jid:
    return chat.jid if isinstance(chat, Group) else chat.lid_jid
