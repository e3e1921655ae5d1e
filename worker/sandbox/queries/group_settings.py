"""Groups: what they are called, how they look, who may write, and the link that leads into them."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from worker.sandbox import stanzas
from worker.sandbox.accounts import Account
from worker.sandbox.connection import Connection
from worker.sandbox.group_stanzas import group_node
from worker.sandbox.groups import Group
from worker.sandbox.queries.asking import account_of
from worker.sandbox.wire.errors import WireError
from worker.sandbox.wire.nodes import Node, node

if TYPE_CHECKING:
    from worker.sandbox.network import Network

Change = Callable[["Network", Group, Account, Node], None]


def rename(network: "Network", connection: Connection, query: Node) -> Node:
    return _change(network, connection, query, _renamed)


def describe(network: "Network", connection: Connection, query: Node) -> Node:
    return _change(network, connection, query, _described)


def set_switch(network: "Network", connection: Connection, query: Node) -> Node:
    """Locked or not, for admins or for all, messages that vanish or stay: the child says which."""
    return _change(network, connection, query, _switched)


def invite(network: "Network", connection: Connection, query: Node) -> Node:
    """With a code it is a link that somebody follows, without one the wish to have it."""
    code, author = query.children[0].text("code"), account_of(network, connection)
    if code:
        return _follow(network, author, query, code)
    group = network.groups.find(query.jid("to"))
    if group is None:
        return stanzas.refused(query, 404, "item-not-found")
    if not group.members.get(author.number):
        return stanzas.refused(query, 401, "not-authorized")
    link = network.group_life.link(group, author, reset=query.text("type") == "set")
    return stanzas.result(query, [node("invite", {"code": link})])


def nobody(_network: "Network", _connection: Connection, query: Node) -> Node:
    """Nobody asks to be let in, and no group is part of a larger one."""
    return stanzas.result(query, [node(query.children[0].tag)])


def _follow(network: "Network", person: Account, query: Node, code: str) -> Node:
    group = network.groups.invited_by(code)
    if group is None:
        return stanzas.refused(query, 406, "not-acceptable")
    if query.text("type") == "get":
        return stanzas.result(query, [group_node(group, network.groups.members(group))])
    network.group_life.join(group, person)
    return stanzas.result(query, [node("group", {"jid": group.jid})])


def _change(network: "Network", connection: Connection, query: Node, change: Change) -> Node:
    group, author = network.groups.find(query.jid("to")), account_of(network, connection)
    if group is None:
        return stanzas.refused(query, 404, "item-not-found")
    if not group.may_change(author.number):
        return stanzas.refused(query, 403, "forbidden")
    change(network, group, author, query.children[0])
    return stanzas.result(query)


def _renamed(network: "Network", group: Group, author: Account, wish: Node) -> None:
    network.group_life.rename(group, author, _text(wish))


def _described(network: "Network", group: Group, author: Account, wish: Node) -> None:
    body = wish.child("body")
    network.group_life.describe(group, author, _text(body) if body else "", wish.text("id"))


def _switched(network: "Network", group: Group, author: Account, wish: Node) -> None:
    match wish.tag:
        case "locked" | "unlocked":
            network.group_life.lock(group, author, locked=wish.tag == "locked")
        case "announcement" | "not_announcement":
            network.group_life.restrict_writing(group, author, to_admins=wish.tag == "announcement")
        case _:
            network.group_life.expire(group, author, _seconds(wish))


def _seconds(wish: Node) -> int:
    told = wish.text("expiration") or "0"
    if not told.isascii() or not told.isdigit() or len(told) > 9:
        raise WireError(f"messages that vanish after {told[:20]!r} seconds")
    return int(told)


def _text(wish: Node) -> str:
    return (
        wish.content.decode(errors="replace") if isinstance(wish.content, bytes) else str(wish.content or "")
    )
