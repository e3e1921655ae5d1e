"""Privacy settings: everybody on this network hides nothing."""

from typing import TYPE_CHECKING

from worker.sandbox import stanzas
from worker.sandbox.connection import Connection
from worker.sandbox.wire.nodes import Node, node

if TYPE_CHECKING:
    from worker.sandbox.network import Network

_CATEGORIES = ("groupadd", "last", "status", "profile", "readreceipts", "online", "calladd")


def settings(_network: "Network", _connection: Connection, query: Node) -> Node:
    categories = [node("category", {"name": name, "value": "all"}) for name in _CATEGORIES]
    return stanzas.result(query, [node("privacy", content=categories)])
