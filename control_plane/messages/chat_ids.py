"""The forms in which people write whom a message is for, and the one form that we go on with."""

import re
from functools import lru_cache
from typing import NoReturn

import phonenumbers
from phonenumbers import ValidationResult

from control_plane.errors import AppError, Code

# With its country code. Digits of a national form would reach somebody else.
PHONE = r"\+?[1-9][0-9]{6,14}"
STATUS = "status@broadcast"
_DIGITS = re.compile(r"[1-9][0-9]{6,14}")
_USER = re.compile(r"[0-9]{1,20}")
_GROUP = re.compile(r"[0-9]{5,25}(-[0-9]{5,15})?")
_CHANNEL = re.compile(r"[0-9]{5,25}")
_PEOPLE = frozenset({"c.us", "s.whatsapp.net"})
_BETWEEN = re.compile(r"[\s()./\-\u00a0\u2010-\u2015]+")
_FORMS = (
    "Write a number with its country code (+4915112345678), or an id that ends in @c.us,"
    " @s.whatsapp.net, @lid or @g.us."
)
_NOT_YET = {
    "newsletter": "Nothing can be sent to a channel yet: write to a person or to a group.",
    "broadcast": "Nothing can be sent to the status yet: write to a person or to a group.",
}
_LENGTHS = {
    ValidationResult.TOO_SHORT: "too short",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "too short",
    ValidationResult.TOO_LONG: "too long",
    ValidationResult.INVALID_LENGTH: "of a wrong length",
}
# After the country's code, networks of Mexico want a digit that the plan of its numbers has dropped.
_MEXICAN = re.compile(r"521[0-9]{10}")


def parse_chat_id(text: str, pointer: str = "/to") -> str:
    """Of a person or a group: whom something can be sent to."""
    chat = parse_any_chat_id(text, pointer)
    words = _NOT_YET.get(chat.partition("@")[2])
    if words is not None:
        _refuse(words, pointer, "cannot be written to")
    return chat


def parse_any_chat_id(text: str, pointer: str = "/chat") -> str:
    """Of anything that can be read: channels and the status as well."""
    name, at, server = text.strip().partition("@")
    if not at:
        return f"{_number(name, pointer)}@s.whatsapp.net"
    if server in _PEOPLE and _DIGITS.fullmatch(name.removeprefix("+")):
        # As the network writes it: no rule of ours is better than that.
        return f"{name.removeprefix('+')}@s.whatsapp.net"
    if f"{name}@{server}" == STATUS:
        return STATUS
    form = {"lid": _USER, "g.us": _GROUP, "newsletter": _CHANNEL}.get(server)
    if form is None or not form.fullmatch(name):
        _refuse(_FORMS, pointer)
    return f"{name}@{server}"


def phone_of(chat_id: str) -> str | None:
    """With a plus in front; None where the address hides the number, or is nobody's."""
    name, _, server = chat_id.partition("@")
    return f"+{name}" if server == "s.whatsapp.net" and _DIGITS.fullmatch(name) else None


def lid_of(chat_id: str) -> str | None:
    """The address, where it is a name that hides a number."""
    name, _, server = chat_id.partition("@")
    return chat_id if server == "lid" and _USER.fullmatch(name) else None


def _number(written: str, pointer: str) -> str:
    """Its digits. What is possible in its country passes: whether anybody has it, only the network knows."""
    digits = _BETWEEN.sub("", written)
    digits = digits.removeprefix("+") if digits.startswith("+") else digits.removeprefix("00")
    if not (digits.isascii() and digits.isdecimal()):
        _refuse(_FORMS, pointer)
    if digits.startswith("0"):
        _refuse(
            "The number begins with 0, as it is dialled within its country."
            " Write it with the country's code in place of the 0, such as +4915112345678.",
            pointer,
            "has no country code",
        )
    wrong, country = _impossible(digits) if not _MEXICAN.fullmatch(digits) else ("", "")
    if wrong:
        _refuse(
            f"The number is {wrong} for its country ({country}). Are all of its digits there?",
            pointer,
            f"is {wrong}",
        )
    if not _DIGITS.fullmatch(digits):
        _refuse(_FORMS, pointer)
    return digits


@lru_cache(maxsize=10_000)
def _impossible(digits: str) -> tuple[str, str]:
    """What is wrong with it, and for which country."""
    try:
        number = phonenumbers.parse(f"+{digits}")
    except phonenumbers.NumberParseException:
        # Of a country that there is not, such as those of the sandbox.
        return "", ""
    wrong = _LENGTHS.get(phonenumbers.is_possible_number_with_reason(number), "")
    code = number.country_code or 0
    return wrong, f"+{code}, {phonenumbers.region_code_for_country_code(code)}"


def _refuse(words: str, pointer: str, short: str = "is no chat id") -> NoReturn:
    raise AppError(Code.INVALID_CHAT_ID, words, errors=[{"pointer": pointer, "detail": short}])
