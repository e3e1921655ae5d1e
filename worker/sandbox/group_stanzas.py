"""Groups as stanzas: what clients are told of them."""

from worker.sandbox.accounts import Account
from worker.sandbox.chance import Chance
from worker.sandbox.clock import Clock
from worker.sandbox.correspondence import new_message_id
from worker.sandbox.groups import Description, Group
from worker.sandbox.wire.nodes import Node, node


def group_node(group: Group, members: list[Account]) -> Node:
    creator = next((account for account in members if account.number == group.creator), None)
    attrs: dict[str, object] = {
        "id": group.group_id,
        "subject": group.subject,
        "s_t": group.created,
        "creation": group.created,
        "creator": creator.lid_jid if creator else None,
        "creator_pn": creator.phone_jid if creator else None,
        "addressing_mode": "lid",
    }
    if group.renamed:
        author, attrs["s_t"] = group.renamed
        attrs["s_o"] = next((account.lid_jid for account in members if account.number == author), None)
    told = [member_node(group, account) for account in members]
    return node("group", attrs, [*told, *_settings(group, members)])


def description_node(described: Description, author: Account | None) -> Node:
    """One without text takes the description away."""
    if not described.text:
        return node("description", {"id": described.description_id}, [node("delete")])
    attrs = {
        "id": described.description_id,
        "t": described.at,
        "participant": author.lid_jid if author else None,
        "participant_pn": author.phone_jid if author else None,
    }
    return node("description", attrs, [node("body", content=described.text.encode())])


def member_node(group: Group, account: Account) -> Node:
    admin = "superadmin" if account.number == group.creator else "admin"
    role = admin if group.members.get(account.number) else None
    attrs = {"jid": account.lid_jid, "phone_number": account.phone_jid, "type": role}
    return node("participant", attrs)


def _settings(group: Group, members: list[Account]) -> list[Node]:
    told = []
    if group.description:
        author = next((account for account in members if account.number == group.description.author), None)
        told.append(description_node(group.description, author))
    if group.locked:
        told.append(node("locked"))
    if group.announcement:
        told.append(node("announcement"))
    if group.expiration:
        told.append(node("ephemeral", {"expiration": group.expiration}))
    return told


def notification(group: Group, author: Account, change: Node, clock: Clock, chance: Chance) -> Node:
    attrs = {
        "from": group.jid,
        "type": "w:gp2",
        "id": new_message_id(chance),
        "t": clock.seconds(),
        "participant": author.lid_jid,
        "participant_pn": author.phone_jid,
        "notify": author.name,
        "addressing_mode": "lid",
    }
    return node("notification", attrs, [change])
