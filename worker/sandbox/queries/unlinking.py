"""A client that logs itself out."""

from typing import TYPE_CHECKING

from worker.sandbox import stanzas
from worker.sandbox.connection import Connection
from worker.sandbox.wire.nodes import Node

if TYPE_CHECKING:
    from worker.sandbox.network import Network


def remove_companion(network: "Network", connection: Connection, query: Node) -> Node:
    """The client hangs up by itself once it has the answer."""
    child = query.child("remove-companion-device")
    name = network.routing.name_of(child.jid("jid")) if child else None
    if name is None or name != connection.device:
        return stanzas.refused(query, 403, "forbidden")
    network.account_life.unlink(name)
    return stanzas.result(query)
