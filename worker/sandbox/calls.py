"""Calls: they ring, and somebody ends them. Nobody ever hears anything."""

from typing import TYPE_CHECKING

from worker.sandbox.accounts import Account
from worker.sandbox.devices import DeviceName
from worker.sandbox.wire.errors import WireError
from worker.sandbox.wire.nodes import Node, node

if TYPE_CHECKING:
    from worker.sandbox.network import Network


class Calls:
    def __init__(self, network: "Network") -> None:
        self._network = network

    def accept(self, sender: DeviceName, stanza: Node) -> Node:
        """Passes on what a device says about a call; returns the acknowledgement for it."""
        children, to = stanza.children, stanza.jid("to")
        if len(children) != 1 or not children[0].text("call-id"):
            raise WireError("a call stanza of unknown form")
        answer = {"class": "call", "id": stanza.text("id"), "from": to, "type": children[0].tag}
        callee = self._network.accounts.find(to)
        if callee is None:
            return node("ack", {**answer, "error": 404})
        self.tell(sender, callee, stanza.text("id"), children[0])
        return node("ack", answer)

    def tell(self, sender: DeviceName, person: Account, stanza_id: str, news: Node) -> None:
        """To all devices of the person: each of them rings."""
        attrs = {
            "from": self._network.routing.address(sender),
            "id": stanza_id,
            "t": self._network.clock.seconds(),
            # What the caller's device is; clients pass both on.
            "platform": "android",
            "version": "2.26.1",
        }
        for name in self._network.routing.devices_of(person):
            if name != sender:
                self._network.deliver(name, node("call", attrs, [news]))
