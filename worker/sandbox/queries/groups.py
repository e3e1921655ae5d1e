"""Groups: making them, looking at them, changing who is in them."""

from typing import TYPE_CHECKING

from worker.sandbox import stanzas
from worker.sandbox.accounts import Account
from worker.sandbox.connection import Connection
from worker.sandbox.group_stanzas import group_node
from worker.sandbox.queries.asking import account_of
from worker.sandbox.wire.nodes import Node, node

if TYPE_CHECKING:
    from worker.sandbox.network import Network


def create(network: "Network", connection: Connection, query: Node) -> Node:
    author, wish = account_of(network, connection), query.children[0]
    group = network.group_life.create(author, wish.text("subject"), _people(network, wish), wish.text("key"))
    return stanzas.result(query, [group_node(group, network.groups.members(group))])


def show(network: "Network", connection: Connection, query: Node) -> Node:
    group = network.groups.find(query.jid("to"))
    if group is None:
        return stanzas.refused(query, 404, "item-not-found")
    if account_of(network, connection).number not in group.members:
        return stanzas.refused(query, 403, "forbidden")
    return stanzas.result(query, [group_node(group, network.groups.members(group))])


def participating(network: "Network", connection: Connection, query: Node) -> Node:
    groups = network.groups.of(account_of(network, connection))
    nodes = [group_node(group, network.groups.members(group)) for group in groups]
    return stanzas.result(query, [node("groups", content=nodes)])


def change_members(network: "Network", connection: Connection, query: Node) -> Node:
    group, author, wish = (
        network.groups.find(query.jid("to")),
        account_of(network, connection),
        query.children[0],
    )
    if group is None or not group.members.get(author.number):
        return stanzas.refused(query, 403, "forbidden")
    changed = network.group_life.change_members(group, author, wish.tag, _people(network, wish))
    return stanzas.result(query, [node(wish.tag, content=changed)])


def leave(network: "Network", connection: Connection, query: Node) -> Node:
    author, child = account_of(network, connection), query.children[0].child("group")
    group = network.groups.find(child.jid("id") if child else None)
    if group is None or author.number not in group.members:
        return stanzas.refused(query, 404, "item-not-found")
    network.group_life.change_members(group, author, "remove", [author])
    return stanzas.result(query, [node("leave", content=[node("group", {"id": group.jid})])])


def _people(network: "Network", wish: Node) -> list[Account]:
    found = (network.accounts.find(participant.jid("jid")) for participant in wish.all("participant"))
    return [account for account in found if account]
