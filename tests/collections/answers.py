"""An answer, and what can be read and expected of it."""

import json
import re
from dataclasses import dataclass
from typing import Any

import httpx

_STEP = re.compile(r"\.([\w-]+)|\[(\d+)\]|\[(\*)\]")


class NotThereError(Exception):
    """What was looked for is not in the answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: httpx.Headers
    text: str

    def at(self, subject: str) -> Any:
        """Of `status`, `body`, `header <name>`, or a path into its JSON."""
        if subject == "status":
            return self.status
        if subject == "body":
            return self.text
        if subject.startswith("header "):
            return self.header(subject.removeprefix("header "))
        return look_up(self.document(), subject)

    def header(self, name: str) -> str:
        if name not in self.headers:
            raise NotThereError(f"it has no header {name}")
        return self.headers[name]

    def document(self) -> Any:
        try:
            return json.loads(self.text)
        except ValueError:
            raise NotThereError("it is no JSON") from None

    def __str__(self) -> str:
        return f"{self.status} {self.text[:600]}".strip()


def look_up(document: Any, path: str) -> Any:
    """The common core of JSONPath: $, names, positions, and [*] for all elements, which gives a list."""
    found, position, of_many = [document], 1, False
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise NotThereError(f"{path} is no path")
        position = step.end()
        of_many = of_many or step[3] is not None
        found = [each for one in found for each in _stepped(one, step)]
    if of_many:
        return found
    if not found:
        raise NotThereError(f"it has no {path}")
    return found[0]


def _stepped(value: Any, step: re.Match[str]) -> list[Any]:
    name, number, _ = step.groups()
    if name is not None:
        return [value[name]] if isinstance(value, dict) and name in value else []
    if not isinstance(value, list):
        return []
    return value if number is None else value[int(number) : int(number) + 1]


def holds(found: Any, operator: str, wanted: str) -> bool:
    """`wanted` is JSON; what is no JSON is a text."""
    match operator:
        case "==":
            return _same(found, _literal(wanted))
        case "!=":
            return not _same(found, _literal(wanted))
        case "~":
            return _contains(found, wanted)
        case "!~":
            return not _contains(found, wanted)
    raise ValueError(operator)


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _literal(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _same(one: Any, other: Any) -> bool:
    # For Python, True is 1.
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _contains(found: Any, wanted: str) -> bool:
    literal = _literal(wanted)
    if isinstance(found, list):
        return any(_same(each, literal) for each in found)
    return (literal if isinstance(literal, str) else wanted) in as_text(found)
