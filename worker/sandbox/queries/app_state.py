"""App state: devices of one account ask for each other's changes and bring their own."""

import re
from typing import TYPE_CHECKING

from worker.sandbox import stanzas
from worker.sandbox.app_state.collections import NAMES
from worker.sandbox.app_state.patches import PatchError, parse
from worker.sandbox.connection import Connection
from worker.sandbox.devices import DeviceName
from worker.sandbox.wire.errors import WireError
from worker.sandbox.wire.nodes import Node, node

if TYPE_CHECKING:
    from worker.sandbox.network import Network

_VERSION = re.compile(r"[0-9]{1,9}")


def sync(network: "Network", connection: Connection, query: Node) -> Node:
    device, question = connection.device, query.child("sync")
    if device is None or question is None:
        return stanzas.refused(query, 400, "bad-request")
    collections = [_collection(network, device, asked) for asked in question.all("collection")]
    return stanzas.result(query, [node("sync", content=collections)])


def _collection(network: "Network", device: DeviceName, asked: Node) -> Node:
    name, based_on = asked.text("name"), asked.text("version") or "0"
    if name not in NAMES or not _VERSION.fullmatch(based_on):
        raise WireError(f"a question for the app state {name[:40]!r} from version {based_on[:20]!r}")
    patch = asked.child("patch")
    if patch is not None:
        return _changed(network, device, name, int(based_on), patch)
    patches = network.app_state.patches(device.number, name, int(based_on))
    attrs = {"name": name, "version": int(based_on) + len(patches), "has_more_patches": "false"}
    numbered = [_numbered(patch, int(based_on) + place) for place, patch in enumerate(patches, 1)]
    return node("collection", attrs, [node("patches", content=numbered)] if numbered else None)


def _changed(network: "Network", device: DeviceName, name: str, based_on: int, patch: Node) -> Node:
    content = patch.content if isinstance(patch.content, bytes) else b""
    try:
        parse(content)
    except PatchError as error:
        raise WireError(str(error)) from error
    version = network.app_state.add(device.number, name, based_on, content)
    if version is None:
        return node("collection", {"name": name, "type": "error"}, [node("error", {"code": 409})])
    network.account_life.app_state_changed(device, name, version)
    return node("collection", {"name": name, "version": version})


def _numbered(data: bytes, version: int) -> Node:
    """Devices do not know the number of their own patch; the network tells it to all others."""
    patch = parse(data)
    patch.version.version = version
    return node("patch", content=bytes(patch.SerializeToString()))
