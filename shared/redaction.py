"""What must never be written to a log: one list of names, one list of shapes, used by every process."""

import re
from collections.abc import Mapping
from typing import Any

REDACTED = "[redacted]"

# Compared without case, hyphens and underscores, as a part of the field's name.
_SECRET_NAMES = (
    "password",
    "passwd",
    "secret",
    "token",
    "authorization",
    "cookie",
    "apikey",
    "masterkey",
    "privatekey",
    "signature",
    "credential",
    "phone",
    "recipient",
    "messagetext",
    "messagebody",
    "caption",
    "qrcode",
    "pairingcode",
)
_SECRET_EXACT = frozenset({"text", "body", "to", "from", "key", "email", "dsn", "jid", "lid"})
# Names that hold one of the words above and are harmless and useful.
_HARMLESS = frozenset({"tokentype", "keyid", "tokenid", "phonecount", "credentialkind"})

_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\bwp_(live|test)_[0-9A-Za-z]+_[0-9A-Za-z]+"), r"wp_\1_" + REDACTED),
    (re.compile(r"\bwp[a-z]_[0-9A-Za-z_-]{16,}"), REDACTED),
    (re.compile(r"\bwhsec_[0-9A-Za-z+/=_-]+"), "whsec_" + REDACTED),
    (re.compile(r"\beyJ[0-9A-Za-z_-]{5,}\.[0-9A-Za-z_-]+\.[0-9A-Za-z_-]*"), REDACTED),
    (re.compile(r"(?i)\b(bearer|basic)\s+[^\s\"',;]+"), r"\1 " + REDACTED),
    (re.compile(r"\b([a-z][a-z0-9+.-]*://[^\s:/@]*):[^\s/@]+@"), r"\1:" + REDACTED + "@"),
    (re.compile(r"(?i)\b(password|secret|token|key)=[^\s&\"']+"), r"\1=" + REDACTED),
    (re.compile(r"\$argon2[a-z]*\$\S+"), REDACTED),
    # Devices of the WhatsApp network carry a number in front of theirs: 4915…:2@s.whatsapp.net, 123:2@lid
    (re.compile(r"\b\d{5,20}(?:[._]\d+)?(?::\d+)?@[\w.-]*\w"), "[address]"),
    (re.compile(r"\b[\w.+-]+@[\w-]+\.[\w.-]*\w"), "[address]"),
    # A phone number: 8 to 15 digits standing alone (ids are hexadecimal with hyphens, times have points).
    (re.compile(r"(?<![\w.:-])\+?[1-9]\d{7,14}(?![\w.:-])"), "[number]"),
)


class Secret:
    """A string that shows itself only when asked by name, so that no repr or f-string can leak it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return REDACTED

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


def redact_text(text: str) -> str:
    for shape, replacement in _SHAPES:
        text = shape.sub(replacement, text)
    return text


def redact(value: Any, name: str = "") -> Any:
    """A copy that is safe to log: secret names lose their values, secret shapes are cut out of strings."""
    if name and _is_secret_name(name):
        return REDACTED
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        return {str(key): redact(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact_text(str(value))


def _is_secret_name(name: str) -> bool:
    plain = name.lower().replace("_", "").replace("-", "")
    if plain in _HARMLESS:
        return False
    return plain in _SECRET_EXACT or any(word in plain for word in _SECRET_NAMES)
