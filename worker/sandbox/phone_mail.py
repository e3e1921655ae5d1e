"""What goes out of a phone sealed for each device, and what comes in, opened or asked for again."""

import logging
import sqlite3
from typing import TYPE_CHECKING, Any

from worker.sandbox.accounts import Account
from worker.sandbox.bundles import bundle_nodes, read_bundle
from worker.sandbox.correspondence import (
    Receipt,
    Received,
    copy_for_companions,
    new_message_id,
    padded,
    unpadded,
)
from worker.sandbox.devices import DeviceName
from worker.sandbox.groups import Group
from worker.sandbox.library import DecodeError, Message
from worker.sandbox.message_kinds import Outgoing
from worker.sandbox.phone_keys import PhoneKeys
from worker.sandbox.phone_sender_keys import PhoneSenderKeys
from worker.sandbox.phone_sessions import PhoneSessions
from worker.sandbox.signal.errors import DuplicateMessageError, SignalError
from worker.sandbox.signal.prekeys import Bundle
from worker.sandbox.wire.jids import Jid
from worker.sandbox.wire.nodes import Node, node

if TYPE_CHECKING:
    from worker.sandbox.network import Network

log = logging.getLogger(__name__)

_KEPT_FOR_RETRY = 1000


class PhoneMail:
    def __init__(
        self, network: "Network", account: Account, keys: PhoneKeys, database: sqlite3.Connection
    ) -> None:
        self._network = network
        self._account = account
        self._keys = keys
        self._name = DeviceName(account.number, 0)
        self._sessions = PhoneSessions(database, account.number, keys)
        self._sender_keys = PhoneSenderKeys(database, self._name)
        self._sent: dict[str, tuple[Account | Group, Outgoing]] = {}

    def send(self, chat: Account | Group, message: Outgoing) -> str:
        """To all devices of everybody in the chat but this one."""
        message_id = new_message_id()
        self._sent[message_id] = (chat, message)
        if len(self._sent) > _KEPT_FOR_RETRY:
            del self._sent[next(iter(self._sent))]
        if isinstance(chat, Group):
            parts = self._parts_of_group(chat, message.content)
        else:
            parts = self._parts(chat, message.content)
        attrs = {"id": message_id, "to": _address(chat), "type": message.kind, "edit": message.edit}
        self.hand_over(node("message", attrs, parts))
        return message_id

    def hand_over(self, stanza: Node) -> None:
        self._network.routing.accept(self._name, stanza)

    def forget(self, peer: DeviceName) -> None:
        self._sessions.forget(peer)

    def open(self, stanza: Node) -> Received | Receipt | None:
        """None for what is no news to the owner: repetitions, requests, what cannot be read."""
        sender = self._network.routing.name_of(stanza.jid("participant") or stanza.jid("from"))
        if sender is None:
            return None
        if stanza.tag == "message":
            return self._open_message(sender, stanza)
        if stanza.tag == "receipt" and stanza.text("type") == "retry":
            self._send_again(sender, stanza)
        elif stanza.tag == "receipt":
            listed = stanza.child("list")
            others = (item.text("id") for item in listed.all("item")) if listed else ()
            return Receipt((stanza.text("id"), *others), sender, stanza.text("type"))
        return None

    def _open_message(self, sender: DeviceName, stanza: Node) -> Received | None:
        group = self._network.groups.find(stanza.jid("from"))
        content: Any = None
        try:
            for sealed in stanza.all("enc"):
                content = self._open_part(sender, sealed, group) or content
        except DuplicateMessageError:
            return None
        except (SignalError, ValueError, DecodeError) as error:
            log.info("sandbox_phone_cannot_read: %s from %s: %s", stanza.text("id"), sender, error)
            self._ask_again(stanza)
            return None
        if content is None:
            return None
        recipient = self._network.accounts.find(stanza.jid("recipient"))
        person = recipient.number if recipient else sender.number
        return Received(
            message_id=stanza.text("id"),
            chat=str(group.jid) if group else person,
            sender=sender,
            from_me=sender.number == self._account.number,
            timestamp=int(stanza.text("t")),
            content=content,
        )

    def _open_part(self, sender: DeviceName, sealed: Node, group: Group | None) -> Any:
        """None for a part that only brought the key to another one."""
        data = sealed.content if isinstance(sealed.content, bytes) else b""
        if group is not None and sealed.text("type") == "skmsg":
            return Message.FromString(unpadded(self._sender_keys.open(str(group.jid), sender, data)))
        content: Any = Message.FromString(unpadded(self._sessions.open(sender, sealed.text("type"), data)))
        if content.HasField("deviceSentMessage"):
            content = content.deviceSentMessage.message
        # The key comes in front of the message that needs it, or together with one sent again.
        if group is not None and content.HasField("senderKeyDistributionMessage"):
            announcement = content.senderKeyDistributionMessage.axolotlSenderKeyDistributionMessage
            self._sender_keys.learn(str(group.jid), sender, announcement)
            content.ClearField("senderKeyDistributionMessage")
            content.ClearField("messageContextInfo")
        return content if content.ListFields() else None

    def _ask_again(self, stanza: Node) -> None:
        retry = {"count": 1, "id": stanza.text("id"), "t": stanza.text("t"), "v": 1}
        registration, *keys = bundle_nodes(self._keys.bundle())
        children = [node("retry", retry), registration, node("keys", content=keys)]
        attrs = {
            "id": stanza.text("id"),
            "to": stanza.jid("from"),
            "participant": stanza.jid("participant"),
            "type": "retry",
        }
        self.hand_over(node("receipt", attrs, children))

    def _send_again(self, peer: DeviceName, stanza: Node) -> None:
        if stanza.text("id") not in self._sent:
            return
        chat, message = self._sent[stanza.text("id")]
        self._sessions.forget(peer)
        address, in_group = self._network.routing.address(peer), isinstance(chat, Group)
        if in_group:
            self._sender_keys.tell_again(str(_address(chat)), peer)
        attrs = {
            "id": stanza.text("id"),
            "to": _address(chat) if in_group else address,
            "participant": address if in_group else None,
            "recipient": None if in_group else _address(chat),
            "type": message.kind,
            "edit": message.edit,
        }
        sealed = self._seal(peer, chat, message.content, read_bundle(stanza))
        self.hand_over(node("message", attrs, [sealed]))

    def _parts(self, recipient: Account, content: Any) -> list[Node]:
        """The message, sealed for each device apart."""
        readers = self._readers(list(dict.fromkeys((recipient, self._account))))
        return [self._participants({name: self._seal(name, recipient, content) for name in readers})]

    def _parts_of_group(self, group: Group, content: Any) -> list[Node]:
        """The message, sealed once for all, and its key for those who have not heard it."""
        readers, plain = (
            self._readers(self._network.groups.members(group)),
            padded(content.SerializeToString()),
        )
        announcement, untold, sealed = self._sender_keys.seal(str(group.jid), plain, readers)
        told: Any = Message()
        told.senderKeyDistributionMessage.groupID = str(group.jid)
        told.senderKeyDistributionMessage.axolotlSenderKeyDistributionMessage = announcement
        common = node("enc", {"v": "2", "type": "skmsg"}, sealed)
        return [self._participants({name: self._seal(name, group, told) for name in untold}), common]

    def _readers(self, people: list[Account]) -> list[DeviceName]:
        names = (name for person in people for name in self._network.routing.devices_of(person))
        return [name for name in names if name != self._name]

    def _participants(self, sealed: dict[DeviceName, Node]) -> Node:
        address = self._network.routing.address
        return node(
            "participants",
            content=[node("to", {"jid": address(name)}, [part]) for name, part in sealed.items()],
        )

    def _seal(
        self, peer: DeviceName, chat: Account | Group, content: Any, offered: Bundle | None = None
    ) -> Node:
        copied = peer.number == self._account.number and isinstance(chat, Account)
        whole = copy_for_companions(content, str(_address(chat))) if copied else content
        kind, sealed = self._sessions.seal(
            peer,
            padded(whole.SerializeToString()),
            self._network.identity_of(peer),
            lambda: offered or self._network.bundle_of(peer),
        )
        return node("enc", {"v": "2", "type": kind}, sealed)


def _address(chat: Account | Group) -> Jid:
    return chat.jid if isinstance(chat, Group) else chat.lid_jid
