"""Groups as stanzas: what clients are told of them."""

from worker.sandbox import stanzas
from worker.sandbox.accounts import Account
from worker.sandbox.correspondence import new_message_id
from worker.sandbox.groups import Group
from worker.sandbox.wire.nodes import Node, node


def group_node(group: Group, members: list[Account]) -> Node:
    creator = next((account for account in members if account.number == group.creator), None)
    attrs = {
        "id": group.group_id,
        "subject": group.subject,
        "s_t": group.created,
        "creation": group.created,
        "creator": creator.lid_jid if creator else None,
        "creator_pn": creator.phone_jid if creator else None,
        "addressing_mode": "lid",
    }
    return node("group", attrs, [member_node(group, account) for account in members])


def member_node(group: Group, account: Account) -> Node:
    admin = "superadmin" if account.number == group.creator else "admin"
    role = admin if group.members.get(account.number) else None
    attrs = {"jid": account.lid_jid, "phone_number": account.phone_jid, "type": role}
    return node("participant", attrs)


def notification(group: Group, author: Account, change: Node) -> Node:
    attrs = {
        "from": group.jid,
        "type": "w:gp2",
        "id": new_message_id(),
        "t": stanzas.now(),
        "participant": author.lid_jid,
        "participant_pn": author.phone_jid,
        "notify": author.name,
        "addressing_mode": "lid",
    }
    return node("notification", attrs, [change])
