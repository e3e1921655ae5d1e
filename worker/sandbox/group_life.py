"""What people do with groups, and that all others in them are told."""

from typing import TYPE_CHECKING

from worker.sandbox.accounts import Account
from worker.sandbox.group_stanzas import description_node, group_node, member_node, notification
from worker.sandbox.groups import Description, Group
from worker.sandbox.profiles import Picture
from worker.sandbox.wire.nodes import Node, node

if TYPE_CHECKING:
    from worker.sandbox.network import Network


class GroupLife:
    def __init__(self, network: "Network") -> None:
        self._network = network
        self._chance = network.chance.of("group links")

    def create(self, creator: Account, subject: str, others: list[Account], key: str | None = None) -> Group:
        group = self._network.groups.create(creator, subject, others)
        members = self._network.groups.members(group)
        made = node("create", {"type": "new", "key": key}, [group_node(group, members)])
        self._tell(group, creator, made, members)
        return group

    def change_members(self, group: Group, author: Account, change: str, people: list[Account]) -> list[Node]:
        """Add, remove, promote or demote; returns the people as they are afterwards."""
        # Who is removed learns it too.
        before = self._network.groups.members(group)
        newcomers = [person for person in people if person.number not in group.members]
        for person in people:
            if change == "remove":
                group.members.pop(person.number, None)
            elif change == "add":
                group.members.setdefault(person.number, False)
            elif person.number in group.members:
                group.members[person.number] = change == "promote"
        self._network.groups.save(group)
        told = [member_node(group, person) for person in people]
        self._tell(group, author, node(change, content=told), before)
        if change == "add":
            self._welcome(group, author, newcomers)
        return told

    def join(self, group: Group, person: Account) -> None:
        """By its link."""
        before = self._network.groups.members(group)
        if person.number in group.members:
            return
        group.members[person.number] = False
        self._network.groups.save(group)
        self._tell(group, person, node("add", {"reason": "invite"}, [member_node(group, person)]), before)
        self._welcome(group, person, [person], "invite")

    def rename(self, group: Group, author: Account, subject: str) -> None:
        group.subject, group.renamed = subject, (author.number, self._network.clock.seconds())
        attrs = {
            "subject": subject,
            "s_t": group.renamed[1],
            "s_o": author.lid_jid,
            "s_o_pn": author.phone_jid,
        }
        self._changed(group, author, node("subject", attrs))

    def describe(self, group: Group, author: Account, text: str, description_id: str) -> None:
        """No text takes the description away."""
        described = Description(text, description_id, author.number, self._network.clock.seconds())
        group.description = described if text else None
        self._changed(group, author, description_node(described, author))

    def set_picture(self, group: Group, author: Account, picture: Picture | None) -> None:
        group.picture = picture
        self._network.groups.save(group)
        self._network.account_life.picture_changed(
            self._network.groups.members(group), group.jid, author, picture
        )

    def lock(self, group: Group, author: Account, *, locked: bool) -> None:
        group.locked = locked
        self._changed(group, author, node("locked" if locked else "unlocked"))

    def restrict_writing(self, group: Group, author: Account, *, to_admins: bool) -> None:
        group.announcement = to_admins
        tag = "announcement" if to_admins else "not_announcement"
        self._changed(group, author, node(tag, {"v_id": self._network.clock.seconds()}))

    def expire(self, group: Group, author: Account, seconds: int) -> None:
        """Messages vanish so long after they were sent; none turns it off."""
        group.expiration = seconds
        change = node("ephemeral", {"expiration": seconds}) if seconds else node("not_ephemeral")
        self._changed(group, author, change)

    def link(self, group: Group, author: Account, *, reset: bool) -> str:
        """The end of the link by which anybody may join, made when it is first asked for."""
        if reset or not group.invite:
            group.invite = self._chance.token(16)
            self._network.groups.save(group)
            if reset:
                self._changed(group, author, node("invite", {"code": group.invite}))
        return group.invite

    def _changed(self, group: Group, author: Account, change: Node) -> None:
        self._network.groups.save(group)
        self._tell(group, author, change, self._network.groups.members(group))

    def _welcome(
        self, group: Group, author: Account, newcomers: list[Account], reason: str | None = None
    ) -> None:
        """To those who just came in it is a group that they did not know."""
        members = self._network.groups.members(group)
        whole = node("create", {"reason": reason}, [group_node(group, members)])
        self._tell(group, author, whole, newcomers)

    def _tell(self, group: Group, author: Account, change: Node, people: list[Account]) -> None:
        for person in people:
            for name in self._network.routing.devices_of(person):
                notice = notification(group, author, change, self._network.clock, self._network.chance)
                self._network.deliver(name, notice)
