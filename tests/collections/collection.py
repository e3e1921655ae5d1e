"""What a file of requests holds, and the one kind of trouble that there can be with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file.name}:{self.line}"


class CollectionError(Exception):
    def __init__(self, place: Place, words: str) -> None:
        super().__init__(f"{place}: {words}")


@dataclass(frozen=True, slots=True)
class Condition:
    """`subject` is `status`, `body`, a path that begins with $, or `header` and its name."""

    place: Place
    subject: str
    operator: str
    value: str

    def __str__(self) -> str:
        return f"{self.subject} {self.operator} {self.value}"


@dataclass(slots=True)
class Request:
    place: Place
    title: str
    name: str = ""
    method: str = ""
    url: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""
    expected: list[Condition] = field(default_factory=list)
    # What the answer is waited for, and for how many seconds at most.
    awaited: list[Condition] = field(default_factory=list)
    patience: float = 0

    @property
    def status(self) -> int:
        return next(int(each.value) for each in self.expected if each.subject == "status")


@dataclass(slots=True)
class Scenario:
    """The requests before the first scenario stand in one without a title: what all others need."""

    place: Place
    title: str
    requests: list[Request] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Collection:
    file: Path
    variables: Mapping[str, str]
    scenarios: list[Scenario]

    @property
    def requests(self) -> list[Request]:
        return [request for scenario in self.scenarios for request in scenario.requests]

    @property
    def named(self) -> list[Scenario]:
        return [scenario for scenario in self.scenarios if scenario.title]
