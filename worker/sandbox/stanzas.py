"""Stanzas that the network says of its own accord."""

from worker.sandbox.wire.jids import SERVER, Jid
from worker.sandbox.wire.nodes import Node, node


def success(own: Jid, now: int) -> Node:
    """`own` is the LID with the device number: told otherwise, a client takes another device for itself."""
    return node("success", {"t": now, "props": 27, "location": "sbx", "lid": own, "abprops": 0})


def offline_done(count: int) -> Node:
    return node("ib", {"from": SERVER}, [node("offline", {"count": count})])


def result(query: Node, children: list[Node] | None = None) -> Node:
    return node("iq", {"from": SERVER, "id": query.text("id"), "type": "result"}, children or None)


def refused(query: Node, code: int, text: str) -> Node:
    attrs = {"from": SERVER, "id": query.text("id"), "type": "error"}
    return node("iq", attrs, [node("error", {"code": code, "text": text})])


def stream_error(code: int, conflict: str | None = None) -> Node:
    children = [node("conflict", {"type": conflict})] if conflict else None
    return node("stream:error", {"code": code}, children)


def failure(reason: int, **details: int) -> Node:
    """In place of a success, or after it when the network changes its mind."""
    return node("failure", {"reason": reason, "location": "sbx", **details})
