"""Calls that a phone places: they ring, are rejected or hung up."""

from typing import TYPE_CHECKING

from worker.sandbox.accounts import Account
from worker.sandbox.correspondence import new_message_id
from worker.sandbox.devices import DeviceName
from worker.sandbox.groups import Group
from worker.sandbox.wire.nodes import Node, node

if TYPE_CHECKING:
    from worker.sandbox.network import Network


class PhoneCalls:
    def __init__(self, network: "Network", own: DeviceName) -> None:
        self._network = network
        self._own = own
        self._chance = network.chance.of(f"calls of {own.number}")
        self._placed: dict[str, Account] = {}

    def place(self, callee: Account | Group, *, video: bool) -> str:
        if isinstance(callee, Group):
            raise TypeError("calls of this network are calls of a person")
        call_id = new_message_id(self._chance)
        self._placed[call_id] = callee
        media = [node("audio", {"enc": "opus", "rate": rate}) for rate in (8000, 16_000)]
        if video:
            media.append(node("video", {"orientation": 0, "screen_width": 1080, "screen_height": 1920}))
        self._tell(callee, self._news("offer", call_id, children=media))
        return call_id

    def end(self, call_id: str, reason: str) -> None:
        """LookupError when this phone has no such call under way."""
        callee = self._placed.pop(call_id, None)
        if callee is None:
            raise LookupError(f"there is no call {call_id[:40]}")
        self._tell(callee, self._news("terminate", call_id, reason=reason or None))

    def _news(
        self, kind: str, call_id: str, reason: str | None = None, children: list[Node] | None = None
    ) -> Node:
        caller = self._network.routing.address(self._own)
        number = self._network.accounts.known(self._own.number).phone_jid
        attrs = {"call-id": call_id, "call-creator": caller, "caller_pn": number, "reason": reason}
        return node(kind, attrs, children)

    def _tell(self, callee: Account, news: Node) -> None:
        self._network.calls.tell(self._own, callee, new_message_id(self._chance), news)
