"""Where media go. Clients read all four attributes and fail without them."""

from typing import TYPE_CHECKING

from worker.sandbox import stanzas
from worker.sandbox.connection import Connection
from worker.sandbox.hosts import MEDIA_HOST
from worker.sandbox.wire.nodes import Node, node

if TYPE_CHECKING:
    from worker.sandbox.network import Network


def hosts(_network: "Network", _connection: Connection, query: Node) -> Node:
    attrs = {"auth": "sandbox", "ttl": 3600, "auth_ttl": 3600, "max_buckets": 12}
    return stanzas.result(query, [node("media_conn", attrs, [node("host", {"hostname": MEDIA_HOST})])])
