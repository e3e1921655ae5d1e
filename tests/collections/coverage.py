"""Which operations of the OpenAPI document the requests of the collections ask for."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from tests.collections.collection import Request

_BASE = "{{baseUrl}}"
_VARIABLE = re.compile(r"\{\{.+?\}\}")
_METHODS = frozenset({"get", "post", "put", "patch", "delete"})


def operations(document: Mapping[str, Any]) -> set[str]:
    return {
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method in methods
        if method in _METHODS
    }


def asked_for(known: Iterable[str], requests: Iterable[Request]) -> set[str]:
    """Whatever it is that they expect."""
    listed = sorted(known, key=_parameters)
    found = (_operation(listed, request) for request in requests)
    return {operation for operation in found if operation}


def _operation(known: Iterable[str], request: Request) -> str:
    """A word that stands in the address itself goes before a parameter that could be that word."""
    path = _VARIABLE.sub("x", request.url.removeprefix(_BASE).partition("?")[0])
    asked = f"{request.method} {path}"
    return next((each for each in known if re.fullmatch(_pattern(each), asked)), "")


def _pattern(operation: str) -> str:
    return "".join("[^/]+" if part.startswith("{") else re.escape(part) for part in _parts(operation))


def _parameters(operation: str) -> int:
    return sum(part.startswith("{") for part in _parts(operation))


def _parts(operation: str) -> list[str]:
    return re.split(r"(\{[^}]+\})", operation)
