"""Stanzas: a tag, attributes, and bytes, text or further stanzas inside."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from worker.sandbox.wire.jids import Jid

_LONGEST_OUTLINE = 1000
_OUTLINED_CHILDREN = 8

Attribute = str | Jid
Content = None | bytes | str | list["Node"]


@dataclass(slots=True)
class Node:
    """Whether content is bytes or text matters: clients refuse keys that came as text."""

    tag: str
    attrs: dict[str, Attribute] = field(default_factory=dict)
    content: Content = None

    def __str__(self) -> str:
        """For logs: no bytes, for they may be keys, and no more of it than a reader takes in."""
        attributes = "".join(f" {name}={value}" for name, value in self.attrs.items())
        return f"<{self.tag}{attributes}>{self._outlined()}"[:_LONGEST_OUTLINE]

    @property
    def children(self) -> list["Node"]:
        return self.content if isinstance(self.content, list) else []

    def child(self, tag: str) -> "Node | None":
        return next(self.all(tag), None)

    def all(self, tag: str) -> Iterator["Node"]:
        return (child for child in self.children if child.tag == tag)

    def text(self, name: str) -> str:
        """An attribute as text, empty when it is missing."""
        return str(self.attrs.get(name, ""))

    def jid(self, name: str) -> Jid | None:
        value = self.attrs.get(name)
        return value if isinstance(value, Jid) else None

    def data(self, tag: str) -> bytes:
        """The bytes inside a child, empty when there are none."""
        child = self.child(tag)
        if child is None:
            return b""
        return child.content if isinstance(child.content, bytes) else str(child.content or "").encode()

    def _outlined(self) -> str:
        if isinstance(self.content, list):
            told = "".join(f"({child})" for child in self.content[:_OUTLINED_CHILDREN])
            more = len(self.content) - _OUTLINED_CHILDREN
            return f"{told}+{more}" if more > 0 else told
        return "" if self.content is None else f"[{len(self.content)}]"


def node(tag: str, attrs: Mapping[str, object] | None = None, content: Content = None) -> Node:
    """A stanza to send: attributes that are None are left out, numbers are written as text."""
    kept = {name: _written(value) for name, value in (attrs or {}).items() if value is not None}
    return Node(tag, kept, content)


def _written(value: object) -> Attribute:
    return value if isinstance(value, Jid) else str(value)
