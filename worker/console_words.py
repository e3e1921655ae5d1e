"""What a session tells, as lines for somebody who watches."""

from collections.abc import Callable, Mapping
from typing import Any

from shared.contracts.messages import ReceivedMessage, Text
from shared.contracts.told import (
    CallSeen,
    FileKept,
    FileNotKept,
    HistoryReceived,
    LoggedInAs,
    MessageReceived,
    Paired,
    QrShown,
    ReceiptSeen,
    StateSeen,
    Told,
    TypingSeen,
    Undecryptable,
)


def _message(message: ReceivedMessage) -> str:
    who = "you" if message.from_me else message.sender_phone or message.sender
    content = message.content
    what = content.text if isinstance(content, Text) else f"[{type(content).__name__}]"
    return f"message {message.whatsapp_id} from {who}: {what}"


def _state(told: StateSeen) -> str:
    detail = f": {told.meaning.detail}" if told.meaning.detail else ""
    return f"state {told.meaning.state} ({told.meaning.reason}){detail}"


_LINES: Mapping[type, Callable[[Any], str]] = {
    QrShown: lambda told: f"qr {told.number}, good for {told.seconds} s: {told.code}",
    Paired: lambda told: f"paired as {told.device_jid}",
    LoggedInAs: lambda told: f"logged in as {told.phone} {told.display_name}".rstrip(),
    StateSeen: _state,
    MessageReceived: lambda told: _message(told.message),
    HistoryReceived: lambda told: f"history {told.kind}, {len(told.messages)} messages, {told.progress} %",
    Undecryptable: lambda told: f"message {told.whatsapp_id} cannot be read",
    ReceiptSeen: lambda told: f"{told.kind} {' '.join(told.whatsapp_ids)}",
    TypingSeen: lambda told: f"{told.sender} is {told.state}",
    FileKept: lambda told: f"file of {told.message.whatsapp_id} kept as {told.key}, {told.size} bytes",
    FileNotKept: lambda told: f"file of {told.message.whatsapp_id} not kept: {told.words}",
    CallSeen: lambda told: f"call {told.state} by {told.sender}",
}


def describe(told: Told) -> str:
    """Empty for what only machines care about."""
    line = _LINES.get(type(told))
    return line(told) if line is not None else ""
