"""What stands in double braces: variables of the file, of its surroundings, and parts of earlier answers."""

import random
import re
import time
import uuid
from collections.abc import Mapping

from tests.collections.answers import Answer, NotThereError, as_text, look_up
from tests.collections.collection import CollectionError, Place

_BRACES = re.compile(r"\{\{\s*(.+?)\s*\}\}")
_BODY = re.compile(r"(\w+)\.response\.body\.(\$.*)")
_HEADER = re.compile(r"(\w+)\.response\.headers\.([\w-]+)")
_RANDOM = re.compile(r"\$randomInt (\d+) (\d+)")
_DEEPEST = 5


class Variables:
    def __init__(self, of_file: Mapping[str, str], surroundings: Mapping[str, str]) -> None:
        self._known = {**surroundings, **of_file}
        self.answers: dict[str, Answer] = {}

    def filled(self, text: str, place: Place, depth: int = 0) -> str:
        if depth > _DEEPEST:
            raise CollectionError(place, f"variables that name each other: {text}")
        return _BRACES.sub(lambda match: self._value(match[1], place, depth), text)

    def _value(self, name: str, place: Place, depth: int) -> str:
        if name in self._known:
            return self.filled(self._known[name], place, depth + 1)
        if name.startswith("$"):
            return _made_up(name, place)
        try:
            if (body := _BODY.fullmatch(name)) is not None:
                return as_text(look_up(self._answer(body[1]).document(), body[2]))
            if (header := _HEADER.fullmatch(name)) is not None:
                return self._answer(header[1]).header(header[2])
        except NotThereError as error:
            raise CollectionError(place, f"{{{{{name}}}}} cannot be filled in: {error}") from None
        raise CollectionError(place, f"{{{{{name}}}}} is no variable of this file or its surroundings")

    def _answer(self, name: str) -> Answer:
        if name not in self.answers:
            raise NotThereError(f"no request named {name} was answered before")
        return self.answers[name]


def _made_up(name: str, place: Place) -> str:
    if name == "$guid":
        return str(uuid.uuid4())
    if name == "$timestamp":
        return str(int(time.time()))
    if (between := _RANDOM.fullmatch(name)) is not None:
        return str(random.randrange(int(between[1]), int(between[2])))
    raise CollectionError(place, f"{{{{{name}}}}} is made up by nobody here")
