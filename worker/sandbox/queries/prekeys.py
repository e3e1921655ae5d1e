"""The keys that clients leave for strangers, and those that they ask for."""

from typing import TYPE_CHECKING

import msgspec

from worker.sandbox import stanzas
from worker.sandbox.bundles import bundle_nodes, read_prekey, read_signed_prekey
from worker.sandbox.connection import Connection
from worker.sandbox.queries.asking import device_of
from worker.sandbox.wire.nodes import Node, node

if TYPE_CHECKING:
    from worker.sandbox.network import Network


def count(network: "Network", connection: Connection, query: Node) -> Node:
    number = network.devices.count_prekeys(device_of(connection))
    return stanzas.result(query, [node("count", {"value": number})])


def upload(network: "Network", connection: Connection, query: Node) -> Node:
    name = device_of(connection)
    device, signed, keys = network.devices.find(name), query.child("skey"), query.child("list")
    if device is None or signed is None or keys is None:
        return stanzas.refused(query, 400, "bad-request")
    network.devices.link(msgspec.structs.replace(device, signed_prekey=read_signed_prekey(signed)))
    network.devices.add_prekeys(name, map(read_prekey, keys.all("key")))
    return stanzas.result(query)


def fetch(network: "Network", _connection: Connection, query: Node) -> Node:
    wanted = query.child("key")
    users = [_user(network, user) for user in (wanted.all("user") if wanted else ())]
    return stanzas.result(query, [node("list", content=users)])


def _user(network: "Network", user: Node) -> Node:
    jid = user.jid("jid")
    name = network.routing.name_of(jid)
    try:
        bundle = network.bundle_of(name) if name else None
    except LookupError:
        bundle = None
    if bundle is None:
        return node("user", {"jid": jid}, [node("error", {"code": 404, "text": "item-not-found"})])
    return node("user", {"jid": jid, "t": network.clock.seconds()}, bundle_nodes(bundle))
