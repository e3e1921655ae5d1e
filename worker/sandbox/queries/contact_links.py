"""Links, also as pictures to scan, that lead to a person."""

from typing import TYPE_CHECKING

from worker.sandbox import stanzas
from worker.sandbox.connection import Connection
from worker.sandbox.queries.asking import device_of
from worker.sandbox.wire.nodes import Node, node

if TYPE_CHECKING:
    from worker.sandbox.network import Network


def answer(network: "Network", connection: Connection, query: Node) -> Node:
    """With a code: who is meant. Without one: the asker's own link, made anew when the old one is revoked."""
    wish = query.children[0]
    if wish.text("code"):
        return _meant(network, query, wish.text("code"))
    number = device_of(connection).number
    profile = network.profiles.of(number)
    if not profile.link or wish.text("action") == "revoke":
        profile.link = network.chance.token(12)
        network.profiles.save(number, profile)
    return stanzas.result(query, [node("qr", {"code": profile.link, "type": "contact"})])


def _meant(network: "Network", query: Node, code: str) -> Node:
    number = network.profiles.linked_by(code)
    if number is None:
        return stanzas.refused(query, 404, "item-not-found")
    account = network.accounts.known(number)
    attrs = {"type": "contact", "jid": account.phone_jid, "notify": account.name}
    return stanzas.result(query, [node("qr", attrs)])
