"""One honest stanza of every kind that a companion says, to be spoiled in all ways."""

import json

from worker.sandbox.queries import _ANSWERS
from worker.sandbox.wire.jids import SERVER, Jid
from worker.sandbox.wire.nodes import Content, Node, node


def honest_stanzas(own: Jid, other: Jid, group: Jid) -> list[Node]:
    """`own` and `other` are people without a device, both in the group."""
    return [
        *(query(*family, own, other, group) for family in sorted(_ANSWERS)),
        *_messages(own, other, group),
        *_receipts(own, other, group),
        node("presence", {"type": "available", "name": "Anna"}),
        node("presence", {"type": "subscribe", "to": other}),
        node("presence", {"type": "unsubscribe", "to": other}),
        node("chatstate", {"from": own, "to": other}, [node("composing", {"media": "audio"})]),
        node("chatstate", {"from": own, "to": group}, [node("paused")]),
        node("call", {"id": "1", "to": other}, [node("reject", {"call-id": "3A", "call-creator": other})]),
        node("ack", {"class": "receipt", "id": "1", "to": other, "type": "read"}),
        node("ib", content=[node("unified_session", {"id": "1"})]),
    ]


def _messages(own: Jid, other: Jid, group: Jid) -> list[Node]:
    sealed = node("enc", {"v": "2", "type": "pkmsg"}, b"\x33 sealed")
    parts = node("participants", content=[node("to", {"jid": other}, [sealed])])
    identity = node("device-identity", content=b"vouched")
    personal = {"id": "3A01", "type": "text", "to": other, "edit": "1"}
    return [
        node("message", personal, [parts, identity]),
        node("message", {**personal, "recipient": other}, [sealed]),
        node("message", {"id": "3A02", "type": "text", "to": group}, [parts, sealed]),
        node("message", {"id": "3A03", "type": "text", "to": group, "participant": other}, [sealed]),
        node("message", {"id": "3A04", "type": "text", "to": own, "category": "peer"}, [sealed]),
    ]


def _receipts(own: Jid, other: Jid, group: Jid) -> list[Node]:
    listed = node("list", content=[node("item", {"id": "3A06"})])
    retry = node("retry", {"count": "1", "id": "3A01", "t": "1", "v": "1"})
    keys = node("keys", content=[node("identity", content=bytes(32)), _key("key"), _key("skey")])
    again = [retry, node("registration", content=bytes(4)), keys]
    return [
        node("receipt", {"id": "3A05", "to": other, "type": "read", "t": "1"}, [listed]),
        node("receipt", {"id": "3A05", "to": group, "participant": other, "type": "read"}),
        node("receipt", {"id": "3A05", "to": other, "type": "retry", "recipient": own}, again),
    ]


def _key(tag: str) -> Node:
    signature = [node("signature", content=bytes(64))] if tag == "skey" else []
    return node(tag, content=[node("id", content=b"\0\0\1"), node("value", content=bytes(32)), *signature])


def query(xmlns: str, tag: str, own: Jid, other: Jid, group: Jid) -> Node:
    kind = "get" if tag in ("query", "participating", "business_profile") else "set"
    to = group if xmlns == "w:g2" and tag not in ("create", "leave", "participating") else SERVER
    attrs = {"id": "1", "xmlns": xmlns, "type": kind, "to": to, "target": group}
    special = {
        ("encrypt", "registration"): _prekeys(),
        ("md", "link_code_companion_reg"): [_link_code(other)],
    }.get((xmlns, tag))
    if special is not None or not tag:
        return node("iq", attrs, special)
    return node("iq", attrs, [_asked(tag, own, other, group)])


def _prekeys() -> list[Node]:
    return [
        node("registration", content=bytes(4)),
        node("type", content=b"\5"),
        node("identity", content=bytes(32)),
        node("list", content=[_key("key")]),
        _key("skey"),
    ]


def _link_code(other: Jid) -> Node:
    attrs = {"jid": other, "stage": "companion_hello", "should_show_push_notification": "true"}
    wrapped = node("link_code_pairing_wrapped_companion_ephemeral_pub", content=bytes(80))
    return node("link_code_companion_reg", attrs, [wrapped])


def _asked(tag: str, own: Jid, other: Jid, group: Jid) -> Node:
    asks: dict[str, tuple[dict[str, object], Content]] = {
        "item": ({"jid": other, "action": "block"}, None),
        "key": ({}, [node("user", {"jid": other, "reason": "identity"})]),
        "remove-companion-device": ({"jid": own.with_device(9), "reason": "user_initiated"}, None),
        "privacy": ({}, [node("category", {"name": "last", "value": "none"})]),
        "usync": ({"sid": "1", "mode": "query", "context": "message"}, _usync(other)),
        "create": ({"subject": "New", "key": "1"}, [node("participant", {"jid": other})]),
        "description": ({"id": "1", "prev": "2"}, [node("body", content=b"about")]),
        "ephemeral": ({"expiration": "86400"}, None),
        "invite": ({"code": "abc"}, None),
        "leave": ({}, [node("group", {"id": group})]),
        "subject": ({}, b"Other words"),
        "picture": ({"type": "image", "query": "url"}, b"\xff\xd8\xff picture"),
        "sync": ({}, [node("collection", {"name": "regular", "version": "0"}, [node("patch", content=b"")])]),
        "query": ({"query_id": "1"}, json.dumps({"variables": {"input": {"text": "about"}}}).encode()),
        "qr": ({"code": "abc", "type": "contact", "action": "get"}, None),
    }
    if tag in ("add", "remove", "promote", "demote"):
        return node(tag, content=[node("participant", {"jid": other})])
    attrs, content = asks.get(tag, ({}, None))
    return node(tag, attrs, content)


def _usync(other: Jid) -> list[Node]:
    topics = [node(topic) for topic in ("contact", "lid", "devices", "status", "picture", "business")]
    users = [node("user", {"jid": other}), node("user", content=[node("contact", content=b"+4915550000")])]
    return [node("query", content=topics), node("list", content=users)]
