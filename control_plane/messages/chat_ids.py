"""The forms in which people write whom a message is for, and the one form that we go on with."""

import re

from control_plane.errors import AppError, Code

# With its country code. Digits of a national form would reach somebody else.
PHONE = r"\+?[1-9][0-9]{6,14}"
_NUMBER = re.compile(PHONE)
_USER = re.compile(r"[0-9]{5,20}")
_GROUP = re.compile(r"[0-9]{5,25}(-[0-9]{5,15})?")
_PEOPLE = frozenset({"c.us", "s.whatsapp.net"})
_BLANKS = re.compile(r"[\s().-]+")


def parse_chat_id(text: str, pointer: str = "/to") -> str:
    name, at, server = text.strip().partition("@")
    if not at:
        number = _NUMBER.fullmatch(_BLANKS.sub("", name))
        if number is not None:
            return f"{number[0].lstrip('+')}@s.whatsapp.net"
    elif server in _PEOPLE and _NUMBER.fullmatch(name):
        return f"{name.lstrip('+')}@s.whatsapp.net"
    elif server == "lid" and _USER.fullmatch(name):
        return f"{name}@lid"
    elif server == "g.us" and _GROUP.fullmatch(name):
        return f"{name}@g.us"
    raise AppError(
        Code.INVALID_CHAT_ID,
        "Write a number with its country code (+4915112345678), or an id that ends in @c.us,"
        " @s.whatsapp.net, @lid or @g.us.",
        errors=[{"pointer": pointer, "detail": "is no chat id"}],
    )


def phone_of(chat_id: str) -> str | None:
    name, _, server = chat_id.partition("@")
    return f"+{name}" if server == "s.whatsapp.net" else None
