"""What people show of themselves: pictures, the words about them, and what they keep from others."""

import hashlib
from typing import TYPE_CHECKING

from worker.sandbox import stanzas
from worker.sandbox.connection import Connection
from worker.sandbox.hosts import MEDIA_HOST
from worker.sandbox.profiles import PRIVACY, Picture, Profile
from worker.sandbox.queries.asking import account_of, device_of
from worker.sandbox.wire.nodes import Node, node

if TYPE_CHECKING:
    from worker.sandbox.network import Network

_JPEG = b"\xff\xd8\xff"


def picture(network: "Network", connection: Connection, query: Node) -> Node:
    if query.text("type") == "set":
        return _set_picture(network, connection, query)
    target = query.jid("target")
    group, account = network.groups.find(target), network.accounts.find(target)
    shown = group.picture if group else network.profiles.of(account.number).picture if account else None
    if shown is None:
        return stanzas.refused(query, 404, "item-not-found")
    attrs = {
        "id": shown.picture_id,
        "url": f"https://{MEDIA_HOST}{shown.direct_path}",
        "type": query.children[0].text("type") or "image",
        "direct_path": shown.direct_path,
    }
    return stanzas.result(query, [node("picture", attrs)])


def who_sees_status(_network: "Network", _connection: Connection, query: Node) -> Node:
    listed = node("list", {"type": "contacts", "default": "true"})
    return stanzas.result(query, [node("privacy", content=[listed])])


def privacy(network: "Network", connection: Connection, query: Node) -> Node:
    author, profile = _own(network, connection)
    if query.text("type") == "set":
        wishes = query.children[0].all("category")
        told = {wish.text("name"): wish.text("value") for wish in wishes}
        if not told.keys() <= PRIVACY.keys():
            return stanzas.refused(query, 400, "bad-request")
        profile.privacy = {**profile.privacy, **told}
        network.profiles.save(author, profile)
    categories = [node("category", {"name": name, "value": profile.privacy_of(name)}) for name in PRIVACY]
    return stanzas.result(query, [node("privacy", content=categories)])


def blocklist(network: "Network", connection: Connection, query: Node) -> Node:
    author, profile = _own(network, connection)
    if query.text("type") == "set":
        item = query.child("item")
        person = network.accounts.find(item.jid("jid")) if item else None
        if item is None or person is None or item.text("action") not in ("block", "unblock"):
            return stanzas.refused(query, 400, "bad-request")
        others = [number for number in profile.blocked if number != person.number]
        profile.blocked = [*others, person.number] if item.text("action") == "block" else others
        network.profiles.save(author, profile)
        network.account_life.blocked(device_of(connection), person, item.text("action"), _digest(profile))
    items = [node("item", {"jid": network.accounts.known(number).lid_jid}) for number in profile.blocked]
    return stanzas.result(query, [node("list", {"dhash": _digest(profile)}, items)])


def no_business(_network: "Network", _connection: Connection, query: Node) -> Node:
    return stanzas.result(query, [node("business_profile")])


def _set_picture(network: "Network", connection: Connection, query: Node) -> Node:
    """Of a group when one is named, else of the account itself; nothing takes it away."""
    author, target = account_of(network, connection), query.jid("target")
    data, group = query.data("picture"), network.groups.find(target)
    if data and not data.startswith(_JPEG):
        return stanzas.refused(query, 406, "not-acceptable")
    if group and not group.may_change(author.number):
        return stanzas.refused(query, 403, "forbidden")
    made = _keep(network, data) if data else None
    if group:
        network.group_life.set_picture(group, author, made)
    else:
        profile = network.profiles.of(author.number)
        profile.picture = made
        network.profiles.save(author.number, profile)
        network.account_life.own_picture_changed(device_of(connection), made)
    return stanzas.result(query, [node("picture", {"id": made.picture_id})] if made else None)


def _keep(network: "Network", data: bytes) -> Picture:
    return Picture(str(network.chance.below(10**10)), network.media.keep(data))


def _own(network: "Network", connection: Connection) -> tuple[str, Profile]:
    number = device_of(connection).number
    return number, network.profiles.of(number)


def _digest(profile: Profile) -> str:
    return hashlib.sha256(",".join(profile.blocked).encode()).hexdigest()[:16]
