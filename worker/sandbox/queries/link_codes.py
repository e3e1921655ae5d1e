"""Pairing by code, the companion's two stages: it leaves a wrapped key, later the key bundle."""

import asyncio
from typing import TYPE_CHECKING

from worker.sandbox import stanzas
from worker.sandbox.connection import Connection
from worker.sandbox.pairings import LinkCode
from worker.sandbox.wire.nodes import Node, node

if TYPE_CHECKING:
    from worker.sandbox.network import Network


def stage(network: "Network", connection: Connection, query: Node) -> Node:
    registration = network.pairings.of_connection(connection)
    child = query.child("link_code_companion_reg")
    if registration is None or child is None:
        return stanzas.refused(query, 400, "bad-request")
    if child.text("stage") == "companion_hello":
        account = network.accounts.find(child.jid("jid"))
        if account is None:
            return stanzas.refused(query, 404, "item-not-found")
        registration.link_code = LinkCode(
            ref=network.chance.token(24),
            number=account.number,
            wrapped_key=child.data("link_code_pairing_wrapped_companion_ephemeral_pub"),
            key_bundle=asyncio.get_running_loop().create_future(),
        )
        ref = node("link_code_pairing_ref", content=registration.link_code.ref.encode())
        return stanzas.result(query, [node("link_code_companion_reg", content=[ref])])
    link_code = registration.link_code
    if link_code is None or link_code.ref.encode() != child.data("link_code_pairing_ref"):
        return stanzas.refused(query, 404, "item-not-found")
    if not link_code.key_bundle.done():
        link_code.key_bundle.set_result(child.data("link_code_pairing_wrapped_key_bundle"))
    return stanzas.result(query)
