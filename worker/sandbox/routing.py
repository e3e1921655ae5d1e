"""Messages and receipts from whoever sent them to all devices that they concern."""

from typing import TYPE_CHECKING

from worker.sandbox.accounts import Account
from worker.sandbox.devices import DeviceName
from worker.sandbox.envelopes import group_envelope, group_parts, personal_envelope, personal_parts
from worker.sandbox.groups import Group
from worker.sandbox.wire.jids import SERVER, Jid
from worker.sandbox.wire.nodes import Node, node

if TYPE_CHECKING:
    from worker.sandbox.network import Network

# Between a phone and its own companions.
PEER = "peer"
# These concern the sender's own devices and are news to nobody else.
_PRIVATE_RECEIPTS = frozenset({"sender", "hist_sync", "peer_msg", "read-self", "played-self", "server-error"})
_NEWS_FOR_OWN_DEVICES = frozenset({"read", "read-self", "played", "played-self"})


class Routing:
    def __init__(self, network: "Network") -> None:
        self._network = network

    def accept(self, sender: DeviceName, stanza: Node) -> Node:
        """Passes the stanza on; returns the acknowledgement for its sender."""
        if stanza.tag == "message":
            return self._accept_message(sender, stanza)
        return self._accept_receipt(sender, stanza)

    def name_of(self, jid: Jid | None) -> DeviceName | None:
        account = self._network.accounts.find(jid)
        return DeviceName(account.number, jid.device) if account and jid else None

    def address(self, name: DeviceName) -> Jid:
        account = self._network.accounts.of_number(name.number)
        if account is None:
            raise LookupError(f"nobody has the number {name.number}")
        return account.lid_jid.with_device(name.device)

    def devices_of(self, account: Account) -> list[DeviceName]:
        """The phone, then its companions."""
        companions = [device.name for device in self._network.devices.of(account)]
        return [DeviceName(account.number, 0), *companions]

    def _accept_message(self, sender: DeviceName, stanza: Node) -> Node:
        to, author = stanza.jid("to"), self._author(sender)
        now = self._network.clock.seconds()
        acknowledgement = {"class": "message", "id": stanza.text("id"), "from": to, "t": now}
        group = self._network.groups.find(to)
        # What is sent again to one of the sender's own devices names its recipient apart.
        recipient = self._network.accounts.find(stanza.jid("recipient") or to)
        if group is not None and sender.number in group.members:
            chat, parts = str(group.jid), group_parts(self, stanza, self._network.groups.members(group))
        elif recipient is not None:
            chat, parts = recipient.number, personal_parts(self, stanza)
        else:
            return node("ack", {**acknowledgement, "error": 404})
        if (code := self._network.faults.limit(sender)) is not None:
            return node("ack", {**acknowledgement, "error": code})
        if stanza.text("category") != PEER:
            self._network.journal.accepted(sender, stanza.text("id"), chat)
        for name, sealed in parts:
            # Who blocks somebody hears nothing, and who is blocked learns nothing of it.
            if name != sender and sender.number not in self._network.profiles.of(name.number).blocked:
                own = name.number == sender.number
                envelope = (
                    group_envelope(group, author, sender)
                    if group
                    else personal_envelope(author, sender, recipient if own else None)
                )
                self._network.deliver(name, self._inbound(stanza, author, envelope, sealed))
        return node("ack", acknowledgement)

    def _accept_receipt(self, sender: DeviceName, stanza: Node) -> Node:
        if sender.device:
            self._network.mailbox.acknowledged(sender, stanza)
        to, kind = stanza.jid("to"), stanza.text("type")
        group = self._network.groups.find(to)
        # In a group the receipt goes to the author of what was read.
        target = stanza.jid("participant") if group else to
        recipient = self._network.accounts.find(target)
        if target and recipient and kind not in _PRIVATE_RECEIPTS:
            one_device = bool(target.device) or kind == "retry"
            names = (
                [DeviceName(recipient.number, target.device)] if one_device else self.devices_of(recipient)
            )
            self._pass_on(stanza, sender, [name for name in names if name != sender], group)
        if kind in _NEWS_FOR_OWN_DEVICES:
            own = self._network.devices.of(self._author(sender))
            self._pass_on(
                stanza,
                sender,
                [device.name for device in own if device.name != sender],
                group,
                None if group else recipient,
            )
        answer = {"class": "receipt", "id": stanza.text("id"), "from": to or SERVER, "type": kind or None}
        return node("ack", {**answer, "participant": stanza.attrs.get("participant")})

    def _pass_on(
        self,
        stanza: Node,
        sender: DeviceName,
        names: list[DeviceName],
        group: Group | None,
        chat: Account | None = None,
    ) -> None:
        """Own devices are told the chat, which others know from who has read it."""
        reader = self.address(sender)
        attrs = {
            "from": group.jid if group else reader,
            "participant": reader if group else None,
            "recipient": chat.lid_jid if chat else None,
            "id": stanza.text("id"),
            "t": stanza.attrs.get("t", str(self._network.clock.seconds())),
            "type": stanza.text("type") or None,
        }
        for name in names:
            self._network.deliver(name, node("receipt", attrs, stanza.content))

    def _author(self, sender: DeviceName) -> Account:
        author = self._network.accounts.of_number(sender.number)
        assert author is not None  # noqa: S101 (whoever is logged in has an account)
        return author

    def _inbound(
        self, stanza: Node, author: Account, envelope: dict[str, object], sealed: list[Node]
    ) -> Node:
        attrs = {
            **envelope,
            "id": stanza.text("id"),
            "type": stanza.text("type") or "text",
            "t": stanza.attrs.get("t", str(self._network.clock.seconds())),
            "notify": author.name,
            "addressing_mode": "lid",
            "edit": stanza.attrs.get("edit"),
            "category": stanza.attrs.get("category"),
        }
        identity = stanza.child("device-identity")
        introduced = identity is not None and any(part.text("type") == "pkmsg" for part in sealed)
        return node("message", attrs, [*sealed, identity] if identity and introduced else sealed)
