"""Words in double braces that each recipient has their own value for: plain replacing, once over the text."""

import re
from collections import Counter
from collections.abc import Mapping

from control_plane.messages.bodies import AnyMessage
from shared.contracts.messages import PlainContent

_NAMED = re.compile(r"\{\{\s*([^\W\d]\w{0,49})\s*\}\}")


def text_of(message: AnyMessage | PlainContent) -> str:
    """What may hold variables: a text, or the caption of a file."""
    found: str = getattr(message, "text", "") or getattr(message, "caption", "")
    return found


class Wanted:
    """The variables that a text names, and how long it becomes with values for them."""

    def __init__(self, text: str) -> None:
        self._counts = Counter(match[1] for match in _NAMED.finditer(text))
        self._without = len(_NAMED.sub("", text))
        self.names = tuple(self._counts)

    def length(self, variables: Mapping[str, str]) -> int:
        return self._without + sum(count * len(variables[name]) for name, count in self._counts.items())


def filled(text: str, variables: Mapping[str, str]) -> str:
    """A value that looks like a variable stays as it is."""
    return _NAMED.sub(lambda match: variables.get(match[1], match[0]), text)
