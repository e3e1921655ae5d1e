"""Who is there and who is typing, told to those who watch. Nothing of it waits for anybody who is away."""

from typing import TYPE_CHECKING

from worker.sandbox.accounts import Account
from worker.sandbox.devices import DeviceName
from worker.sandbox.groups import Group
from worker.sandbox.wire.errors import WireError
from worker.sandbox.wire.jids import Jid
from worker.sandbox.wire.nodes import Node, node

if TYPE_CHECKING:
    from worker.sandbox.network import Network

_TYPING = frozenset({"composing", "paused"})


class Presences:
    """As the real network does it, only devices that are available hear of others; phones always do."""

    def __init__(self, network: "Network") -> None:
        self._network = network
        self._available: dict[str, set[int]] = {}
        self._last_seen: dict[str, int] = {}
        # Whom each person is watched by, and the address by which the watcher knows the person.
        self._watchers: dict[str, dict[DeviceName, Jid]] = {}
        self._watched: dict[DeviceName, set[str]] = {}

    def said(self, device: DeviceName, stanza: Node) -> None:
        """A companion is there, is not, or wants to know of somebody else."""
        match stanza.text("type"):
            case "available" | "unavailable" as kind:
                self.change(device, available=kind == "available")
            case "subscribe":
                self.watch(device, stanza.jid("to"))
            case "unsubscribe":
                self.stop_watching(device, stanza.jid("to"))
            case other:
                raise WireError(f"a presence of the unknown type {other[:40]!r}")

    def change(self, device: DeviceName, *, available: bool) -> None:
        before, devices = self.is_there(device.number), self._available.setdefault(device.number, set())
        if available:
            devices.add(device.device)
        else:
            devices.discard(device.device)
        if self.is_there(device.number) != before:
            self._last_seen[device.number] = self._network.clock.seconds()
            for watcher, address in self._watchers.get(device.number, {}).items():
                self._tell(watcher, self._presence(device.number, address))

    def is_there(self, number: str) -> bool:
        """A person is there when one of their devices is."""
        return bool(self._available.get(number))

    def watchers(self, number: str) -> set[str]:
        """The numbers of those who want to know of this person."""
        return {watcher.number for watcher in self._watchers.get(number, ())}

    def watch(self, watcher: DeviceName, address: Jid | None) -> None:
        """Answered at once with how it stands, as far as anything is known."""
        account = self._network.accounts.find(address)
        if account is None or address is None:
            return
        self._watchers.setdefault(account.number, {})[watcher] = address.account
        self._watched.setdefault(watcher, set()).add(account.number)
        if account.number in self._last_seen:
            self._tell(watcher, self._presence(account.number, address.account))

    def stop_watching(self, watcher: DeviceName, address: Jid | None) -> None:
        account = self._network.accounts.find(address)
        if account is not None:
            self._watchers.get(account.number, {}).pop(watcher, None)

    def gone(self, device: DeviceName) -> None:
        """With its connection; what it watched it must ask for again."""
        self.change(device, available=False)
        for number in self._watched.pop(device, ()):
            self._watchers[number].pop(device, None)

    def typed(self, device: DeviceName, stanza: Node) -> None:
        """A chat state goes to everybody else in the chat, on no other device of the one who types."""
        children, to = stanza.children, stanza.jid("to")
        if len(children) != 1 or children[0].tag not in _TYPING:
            raise WireError("a chat state of unknown form")
        group, person = self._network.groups.find(to), self._network.accounts.find(to)
        if group is not None and device.number in group.members:
            self._tell_chat(device, group, self._network.groups.members(group), children)
        elif person is not None:
            self._tell_chat(device, None, [person], children)

    def _tell_chat(
        self, device: DeviceName, group: Group | None, people: list[Account], children: list[Node]
    ) -> None:
        author = self._network.routing.address(device).account
        attrs = {"from": group.jid if group else author, "participant": author if group else None}
        for person in people:
            if person.number != device.number:
                for name in self._network.routing.devices_of(person):
                    self._tell(name, node("chatstate", attrs, children))

    def _presence(self, number: str, address: Jid) -> Node:
        if self.is_there(number):
            return node("presence", {"from": address})
        return node("presence", {"from": address, "type": "unavailable", "last": self._last_seen[number]})

    def _tell(self, watcher: DeviceName, stanza: Node) -> None:
        connection = self._network.online.get(watcher)
        if watcher.device == 0:
            self._network.phone(watcher.number).receive(stanza)
        elif connection is not None and watcher.device in self._available.get(watcher.number, ()):
            connection.send(stanza)
