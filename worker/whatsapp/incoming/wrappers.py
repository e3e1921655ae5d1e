"""Messages come in wrappers, sometimes several: until one is opened, nobody sees what it holds."""

from typing import Any, NamedTuple

_EPHEMERAL = frozenset({"ephemeralMessage"})
_VIEW_ONCE = frozenset({"viewOnceMessage", "viewOnceMessageV2", "viewOnceMessageV2Extension"})
_WRAPPERS = (
    _EPHEMERAL
    | _VIEW_ONCE
    | {
        "deviceSentMessage",
        "documentWithCaptionMessage",
        "editedMessage",
        "lottieStickerMessage",
        "groupMentionedMessage",
        "associatedChildMessage",
        "botInvokeMessage",
        "botForwardedMessage",
        "spoilerMessage",
        "pollCreationMessageV4",
    }
)
_DEEPEST = 8


class Unwrapped(NamedTuple):
    message: Any
    ephemeral: bool = False
    view_once: bool = False


def unwrap(message: Any) -> Unwrapped:
    """What is wrapped deeper than any client wraps is left shut."""
    ephemeral = view_once = False
    for _ in range(_DEEPEST):
        wrapper = next(
            (field.name for field, value in message.ListFields() if _opens(field.name, value)), None
        )
        if wrapper is None:
            break
        ephemeral = ephemeral or wrapper in _EPHEMERAL
        view_once = view_once or wrapper in _VIEW_ONCE
        message = getattr(message, wrapper).message
    return Unwrapped(message, ephemeral, view_once)


def _opens(name: str, value: Any) -> bool:
    return name in _WRAPPERS and value.HasField("message")
