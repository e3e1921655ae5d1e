"""What people change about their account, and that their own devices and others are told."""

import base64
import hashlib
from typing import TYPE_CHECKING

from worker.sandbox.accounts import Account
from worker.sandbox.correspondence import new_message_id
from worker.sandbox.devices import Device, DeviceName
from worker.sandbox.profiles import Picture
from worker.sandbox.wire.jids import SERVER, Jid
from worker.sandbox.wire.nodes import Node, node

if TYPE_CHECKING:
    from worker.sandbox.network import Network


class AccountLife:
    def __init__(self, network: "Network") -> None:
        self._network = network
        # Who has asked for the devices of a number and keeps the answer.
        self._know_devices: dict[str, set[DeviceName]] = {}

    def app_state_changed(self, author: DeviceName, collection: str, version: int) -> None:
        """By one device of an account; its others fetch what is new."""
        change = node("collection", {"name": collection, "version": version})
        self._tell_own_devices(author, "server_sync", change)

    def picture_changed(
        self, people: list[Account], owner: Jid, author: Account, picture: Picture | None
    ) -> None:
        """`owner` is a group or a person."""
        change = node("set" if picture else "delete", {"jid": owner, "author": author.lid_jid})
        if picture:
            change.attrs["id"] = picture.picture_id
        for person in people:
            for name in self._network.routing.devices_of(person):
                self._network.deliver(name, self._notice("picture", owner, change))

    def own_picture_changed(self, author: DeviceName, picture: Picture | None) -> None:
        account = self._network.accounts.known(author.number)
        self._tell_own_devices(author, "account_sync", node("picture"))
        watchers = self._network.presences.watchers(author.number)
        people = [self._network.accounts.known(number) for number in sorted(watchers - {author.number})]
        self.picture_changed(people, account.lid_jid, account, picture)

    def blocked(self, author: DeviceName, person: Account, action: str, digest: str) -> None:
        item = node("item", {"jid": person.lid_jid, "action": action})
        change = node("blocklist", {"action": "modify", "dhash": digest}, [item])
        self._tell_own_devices(author, "account_sync", change)

    def devices_told(self, asker: DeviceName, account: Account) -> None:
        self._know_devices.setdefault(account.number, set()).add(asker)

    def link(self, account: Account, device: Device) -> None:
        self._network.devices.link(device)
        self._devices_changed(account, "add", device.name)

    def unlink(self, device: DeviceName) -> None:
        """For good."""
        if self._network.devices.find(device):
            self._network.devices.unlink(device)
            self._devices_changed(self._network.accounts.known(device.number), "remove", device)

    def _devices_changed(self, account: Account, change: str, device: DeviceName) -> None:
        """Clients write only to the devices that they know of, and know people by their LID."""
        names, address = self._network.routing.devices_of(account), account.lid_jid
        digest = _digest([address.with_device(name.device) for name in names])
        changed = node("device", {"jid": address.with_device(device.device)})
        told = node(change, {"device_hash": digest}, [changed])
        for knower in sorted(self._know_devices.get(account.number, ()), key=str):
            if knower != device:
                self._network.deliver(knower, self._notice("devices", address, told))

    def _tell_own_devices(self, author: DeviceName, kind: str, change: Node) -> None:
        account = self._network.accounts.known(author.number)
        for name in self._network.routing.devices_of(account):
            if name != author:
                self._network.deliver(name, self._notice(kind, SERVER, change))

    def _notice(self, kind: str, author: Jid, change: Node) -> Node:
        attrs = {
            "from": author,
            "type": kind,
            "id": new_message_id(self._network.chance),
            "t": self._network.clock.seconds(),
        }
        return node("notification", attrs, [change])


def _digest(devices: list[Jid]) -> str:
    """By which clients see that their list of devices is the network's."""
    names = sorted(f"{jid.user}.0:{jid.device}@{jid.server}" for jid in devices)
    return "2:" + base64.b64encode(hashlib.sha256("".join(names).encode()).digest()[:6]).decode().rstrip("=")
