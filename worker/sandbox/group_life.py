"""What people do with groups, and that all others in them are told."""

from typing import TYPE_CHECKING

from worker.sandbox.accounts import Account
from worker.sandbox.group_stanzas import group_node, member_node, notification
from worker.sandbox.groups import Group
from worker.sandbox.wire.nodes import Node, node

if TYPE_CHECKING:
    from worker.sandbox.network import Network


class GroupLife:
    def __init__(self, network: "Network") -> None:
        self._network = network

    def create(self, creator: Account, subject: str, others: list[Account], key: str | None = None) -> Group:
        group = self._network.groups.create(creator, subject, others)
        members = self._network.groups.members(group)
        self._tell(group, creator, node("create", {"type": "new", "key": key}, [group_node(group, members)]))
        return group

    def change_members(self, group: Group, author: Account, change: str, people: list[Account]) -> list[Node]:
        """Add, remove, promote or demote; returns the people as they are afterwards."""
        change_node = node(change, content=[member_node(group, person) for person in people])
        # Who is removed learns it too.
        before = self._network.groups.members(group)
        for person in people:
            if change == "remove":
                group.members.pop(person.number, None)
            elif change == "add":
                group.members.setdefault(person.number, False)
            elif person.number in group.members:
                group.members[person.number] = change == "promote"
        self._network.groups.save(group)
        self._tell(group, author, change_node, before)
        return [member_node(group, person) for person in people]

    def rename(self, group: Group, author: Account, subject: str) -> None:
        group.subject = subject
        self._network.groups.save(group)
        attrs = {"subject": subject, "s_t": group.created, "s_o": author.lid_jid}
        self._tell(group, author, node("subject", attrs))

    def _tell(self, group: Group, author: Account, change: Node, others: list[Account] | None = None) -> None:
        people = {
            account.number: account for account in [*self._network.groups.members(group), *(others or ())]
        }
        for account in people.values():
            for name in self._network.routing.devices_of(account):
                self._network.deliver(name, notification(group, author, change))
