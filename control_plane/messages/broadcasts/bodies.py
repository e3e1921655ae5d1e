"""What people send us to make a broadcast, and to keep somebody out of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any

import msgspec

from control_plane.accounts.schemas import Body
from control_plane.errors import AppError, Code
from control_plane.http.problems import pointer_of
from control_plane.messages.bodies import AnyMessage, SendReaction
from control_plane.messages.files.bodies import To

MOST_RECIPIENTS = 10_000
Name = Annotated[str, msgspec.Meta(max_length=100)]
Value = Annotated[str, msgspec.Meta(max_length=1_000)]
Variables = Annotated[
    dict[Annotated[str, msgspec.Meta(max_length=50)], Value],
    msgspec.Meta(max_length=50, description="For the {{names}} in the text or the caption"),
]
# These are said of the whole broadcast, or make no sense in one.
_NOT_HERE = {
    "to": "stands in `recipients`",
    "sendAt": "stands beside `message`",
    "expiresIn": "stands beside `message`",
    "priority": "is that of bulk for every broadcast",
    "replyTo": "names a message of one chat only",
}


class RecipientBody(Body):
    # Whatever it is: all that are wrong are to be told, not the first one alone.
    to: Annotated[
        str, msgspec.Meta(max_length=100, description="A number with its country code, or a chat id")
    ]
    variables: Variables = msgspec.field(default_factory=dict)


class CreateBroadcastBody(Body):
    """`message` is the body of a message without `to`; a text, where no type is named.

    `sendAt` plans it. `perMinute` is the most that goes out in a minute. After `expiresIn` seconds from its
    begin nothing more of it goes out.
    """

    message: Annotated[dict[str, Any], msgspec.Meta(description="As for POST …/messages, without `to`")]
    recipients: Annotated[list[RecipientBody], msgspec.Meta(min_length=1, max_length=MOST_RECIPIENTS)]
    name: Name = ""
    send_at: datetime | None = None
    per_minute: Annotated[int, msgspec.Meta(ge=1)] | None = None
    expires_in: Annotated[int, msgspec.Meta(ge=1, le=2_592_000, description="In seconds")] | None = None


class OptOutBody(Body):
    """Of the people of the sandbox, where `sandbox` says so."""

    contact: To
    reason: Annotated[str, msgspec.Meta(max_length=200)] = ""
    sandbox: bool = False


def message_of(given: dict[str, Any]) -> AnyMessage:
    """Without anybody yet that it is for."""
    for name, words in _NOT_HERE.items():
        if name in given:
            raise refused(f"/message/{name}", words, f"`{name}` {words}.")
    try:
        message: AnyMessage = msgspec.convert({"type": "text", **given, "to": "nobody"}, AnyMessage)
    except msgspec.ValidationError as error:
        words, _, path = str(error).partition(" - at `")
        pointer = f"/message{pointer_of(path.removesuffix('`'), words)}"
        raise refused(pointer, words, f"{pointer}: {words}") from None
    if isinstance(message, SendReaction):
        raise refused(
            "/message/type", "is not for many", "A reaction is for one message, and so for one chat."
        )
    return message


@contextmanager
def pointing_into_message() -> Iterator[None]:
    """What is wrong with a message is told where it stands: as a part of the body, but for a form's file."""
    try:
        yield
    except AppError as error:
        for one in error.errors:
            if one["pointer"] != "/file":
                one["pointer"] = f"/message{one['pointer']}"
        raise


def refused(pointer: str, short: str, words: str) -> AppError:
    return AppError(Code.VALIDATION_FAILED, words, errors=[{"pointer": pointer, "detail": short}])
