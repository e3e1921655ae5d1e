"""What goes out of a phone, and what comes in, opened or asked for again."""

import logging
import sqlite3
from typing import TYPE_CHECKING, Any

from worker.sandbox.accounts import Account
from worker.sandbox.bundles import bundle_nodes, read_bundle
from worker.sandbox.correspondence import Receipt, Received, new_message_id, unpadded
from worker.sandbox.devices import DeviceName
from worker.sandbox.groups import Group
from worker.sandbox.library import DecodeError, Message
from worker.sandbox.message_kinds import Outgoing
from worker.sandbox.phone_keys import PhoneKeys
from worker.sandbox.phone_sealing import PhoneSealing, address_of
from worker.sandbox.routing import PEER
from worker.sandbox.signal.errors import DuplicateMessageError, SignalError
from worker.sandbox.wire.nodes import Node, node

if TYPE_CHECKING:
    from worker.sandbox.network import Network

log = logging.getLogger(__name__)

_KEPT_FOR_RETRY = 1000


class PhoneMail:
    def __init__(
        self, network: "Network", own: DeviceName, keys: PhoneKeys, database: sqlite3.Connection
    ) -> None:
        self._network = network
        self._own = own
        self._chance = network.chance.of(f"messages of {own.number}")
        self._keys = keys
        self._sealing = PhoneSealing(network, own, keys, database)
        self._sent: dict[str, tuple[Account | Group, Outgoing]] = {}

    def send(self, chat: Account | Group, message: Outgoing) -> str:
        """To all devices of everybody in the chat but this one."""
        message_id = new_message_id(self._chance)
        self._keep_for_retry(message_id, chat, message)
        self._send_parts(message_id, chat, message, self._sealing.parts(chat, message.content))
        return message_id

    def send_unreadable(self, chat: Account | Group, message: Outgoing, *, answers_retry: bool) -> str:
        """Something breaks it on its way; whoever asks for it again gets it whole, or no answer ever."""
        message_id = new_message_id(self._chance)
        if answers_retry:
            self._keep_for_retry(message_id, chat, message)
        parts = self._sealing.parts(chat, message.content)
        for part in parts:
            _break(part)
        self._send_parts(message_id, chat, message, parts)
        return message_id

    def send_withheld(self, person: Account, kind: str) -> str:
        """Only phones get some kinds of messages; companions are told no more than that there was one."""
        message_id, address = new_message_id(self._chance), self._network.routing.address
        withheld = [node("unavailable", {"type": kind})]
        companions = [device.name for device in self._network.devices.of(person)]
        told = [node("to", {"jid": address(name)}, withheld) for name in companions]
        self._send_parts(message_id, person, Outgoing(None, "media"), [node("participants", content=told)])
        return message_id

    def tell_companion(self, companion: DeviceName, content: Any) -> None:
        attrs = {
            "id": new_message_id(self._chance),
            "to": self._network.routing.address(companion),
            "type": "text",
            "category": PEER,
        }
        self.hand_over(node("message", attrs, [self._sealing.seal_as_it_is(companion, content)]))

    def hand_over(self, stanza: Node) -> None:
        self._network.routing.accept(self._own, stanza)

    def forget(self, peer: DeviceName) -> None:
        self._sealing.sessions.forget(peer)

    def open(self, stanza: Node) -> Received | Receipt | None:
        """None for what is no news to the owner: repetitions, requests, what cannot be read."""
        sender = self._network.routing.name_of(stanza.jid("participant") or stanza.jid("from"))
        if sender is None:
            return None
        if stanza.tag == "message":
            return self._open_message(sender, stanza)
        if stanza.tag == "receipt" and stanza.text("type") == "retry":
            self._send_again(sender, stanza)
        elif stanza.tag == "receipt" and sender.number != self._own.number:
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
        own = sender.number == self._own.number
        return Received(
            message_id=stanza.text("id"),
            chat=str(group.jid) if group else person,
            sender=sender,
            from_me=own,
            timestamp=int(stanza.text("t")),
            content=content,
            for_phone=own and stanza.text("category") == PEER,
        )

    def _open_part(self, sender: DeviceName, sealed: Node, group: Group | None) -> Any:
        """None for a part that only brought the key to another one."""
        data, sealing = sealed.content if isinstance(sealed.content, bytes) else b"", self._sealing
        if group is not None and sealed.text("type") == "skmsg":
            return Message.FromString(unpadded(sealing.sender_keys.open(str(group.jid), sender, data)))
        content: Any = Message.FromString(unpadded(sealing.sessions.open(sender, sealed.text("type"), data)))
        if content.HasField("deviceSentMessage"):
            content = content.deviceSentMessage.message
        # The key comes in front of the message that needs it, or together with one sent again.
        if group is not None and content.HasField("senderKeyDistributionMessage"):
            announcement = content.senderKeyDistributionMessage.axolotlSenderKeyDistributionMessage
            sealing.sender_keys.learn(str(group.jid), sender, announcement)
            content.ClearField("senderKeyDistributionMessage")
        told = [descriptor.name for descriptor, _ in content.ListFields()]
        return content if told not in ([], ["messageContextInfo"]) else None

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
        self._sealing.sessions.forget(peer)
        address, in_group = self._network.routing.address(peer), isinstance(chat, Group)
        if in_group:
            self._sealing.sender_keys.tell_again(str(address_of(chat)), peer)
        attrs = {
            "id": stanza.text("id"),
            "to": address_of(chat) if in_group else address,
            "participant": address if in_group else None,
            "recipient": None if in_group else address_of(chat),
            "type": message.kind,
            "edit": message.edit,
            # It is still the message of then, as the one who asks for it remembers.
            "t": retry.attrs.get("t") if (retry := stanza.child("retry")) else None,
        }
        sealed = self._sealing.seal(peer, chat, message.content, read_bundle(stanza))
        self.hand_over(node("message", attrs, [sealed]))

    def _send_parts(
        self, message_id: str, chat: Account | Group, message: Outgoing, parts: list[Node]
    ) -> None:
        attrs = {"id": message_id, "to": address_of(chat), "type": message.kind, "edit": message.edit}
        self.hand_over(node("message", attrs, parts))

    def _keep_for_retry(self, message_id: str, chat: Account | Group, message: Outgoing) -> None:
        self._sent[message_id] = (chat, message)
        if len(self._sent) > _KEPT_FOR_RETRY:
            del self._sent[next(iter(self._sent))]


def _break(part: Node) -> None:
    """Turns one bit of everything sealed in it."""
    if part.tag == "enc" and isinstance(part.content, bytes):
        part.content = part.content[:-1] + bytes([part.content[-1] ^ 1])
    for child in part.children:
        _break(child)
