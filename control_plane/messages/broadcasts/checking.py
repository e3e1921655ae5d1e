"""Whom a broadcast is for: every address and every value looked at before anything is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from control_plane.errors import AppError, Code
from control_plane.messages.bodies import AnyMessage, SendText
from control_plane.messages.broadcasts.bodies import RecipientBody
from control_plane.messages.broadcasts.variables import Wanted, text_of
from control_plane.messages.chat_ids import parse_chat_id

_MOST_TOLD = 100
_LONGEST_TEXT = 65_536


@dataclass(frozen=True, slots=True)
class Recipient:
    """`position` is its place in the list that was given."""

    position: int
    chat: str
    variables: dict[str, str]


@dataclass(frozen=True, slots=True)
class Merged:
    """One of several that turned out to be the same: the first stays."""

    position: int
    same_as: int


def checked(given: Sequence[RecipientBody], message: AnyMessage) -> list[Recipient]:
    """What is wrong is told of all of them, up to a hundred times."""
    may_be_empty = not isinstance(message, SendText)
    wanted, recipients, errors = Wanted(text_of(message)), list[Recipient](), list[dict[str, str]]()
    words = ""
    for position, body in enumerate(given):
        pointer = f"/recipients/{position}"
        try:
            chat = parse_chat_id(body.to, f"{pointer}/to")
        except AppError as error:
            errors += error.errors
            words = words or f"Recipient {position}: {error.detail}"
        else:
            recipients.append(Recipient(position, chat, body.variables))
        if problem := _problem(wanted, body.variables, may_be_empty):
            errors += [
                {"pointer": f"{pointer}/variables{name}", "detail": detail} for name, detail in problem
            ]
            words = words or f"Recipient {position}: the variable{problem[0][0]} {problem[0][1]}."
        if len(errors) >= _MOST_TOLD:
            break
    if errors:
        code = Code.INVALID_CHAT_ID if errors[0]["pointer"].endswith("/to") else Code.VALIDATION_FAILED
        raise AppError(code, words, errors=errors[:_MOST_TOLD])
    return recipients


def merged(
    recipients: Sequence[Recipient], identities: Mapping[str, str]
) -> tuple[list[Recipient], list[Merged]]:
    """Whoever is named twice, by number or by the name that hides it, gets one message."""
    first, kept, doubles = dict[str, int](), list[Recipient](), list[Merged]()
    for recipient in recipients:
        identity = identities.get(recipient.chat, recipient.chat)
        if identity in first:
            doubles.append(Merged(recipient.position, first[identity]))
        else:
            first[identity] = recipient.position
            kept.append(recipient)
    return kept, doubles


def _problem(wanted: Wanted, variables: Mapping[str, str], may_be_empty: bool) -> list[tuple[str, str]]:
    missing = [(f"/{name}", "is missing") for name in wanted.names if name not in variables]
    if missing or not wanted.names:
        return missing
    length = wanted.length(variables)
    if length > _LONGEST_TEXT:
        return [("", f"make a text of more than {_LONGEST_TEXT} characters")]
    return [("", "make an empty text")] if length == 0 and not may_be_empty else []
