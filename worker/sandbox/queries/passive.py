"""Questions that are answered by answering: keep-alive, active or passive, tokens of trust."""

from typing import TYPE_CHECKING

import msgspec

from worker.sandbox import stanzas
from worker.sandbox.connection import Connection
from worker.sandbox.wire.nodes import Node

if TYPE_CHECKING:
    from worker.sandbox.network import Network


def active(network: "Network", connection: Connection, query: Node) -> Node:
    """The client has left its keys and listens: the first time, its phone has something to tell it."""
    device = network.devices.find(connection.device) if connection.device else None
    if device is not None and not device.greeted:
        network.devices.link(msgspec.structs.replace(device, greeted=True))
        network.phone(device.name.number).greet(device.name)
    return stanzas.result(query)


def nothing_to_say(_network: "Network", _connection: Connection, query: Node) -> Node:
    return stanzas.result(query)
