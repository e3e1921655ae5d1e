"""One table from our kinds of content to the library's message."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from shared.contracts.messages import (
    Contacts,
    Edit,
    FileKind,
    Location,
    OutgoingFile,
    OutgoingMessage,
    Poll,
    PollVote,
    Reaction,
    Revoke,
    Text,
)
from worker.whatsapp import library
from worker.whatsapp.account import Account
from worker.whatsapp.incoming.wrappers import unwrap
from worker.whatsapp.outgoing import targets
from worker.whatsapp.outgoing.contacts import contacts_message
from worker.whatsapp.outgoing.context import add_context, has_context
from worker.whatsapp.outgoing.files import check_file, file_message, read_file
from worker.whatsapp.outgoing.places import location_message
from worker.whatsapp.outgoing.polls import poll_message
from worker.whatsapp.outgoing.texts import text_message


class Desk(Protocol):
    """What building a message needs of the library."""

    async def upload(self, data: bytes, kind: FileKind) -> Any: ...

    async def seal_vote(self, content: PollVote, chat: str) -> Any: ...


# These do something to another message, and have no place for a context of their own.
_BARE = (Reaction, Edit, Revoke, PollVote)


async def build(message: OutgoingMessage, chat: str, account: Account, desk: Desk) -> Any:
    """ValueError, in plain words, for what cannot be sent; before anything leaves this machine."""
    content, answers = message.content, has_context(message)
    if answers and isinstance(content, _BARE):
        raise ValueError("this kind of message cannot answer, mention or be forwarded")
    if isinstance(content, OutgoingFile):
        return await _build_file(content, message, chat, account, desk)
    if isinstance(content, PollVote):
        return await desk.seal_vote(content, chat)
    if isinstance(content, Text):
        built = text_message(content, with_context=answers)
    else:
        built = _BUILDERS[type(content)](content, chat, account)
    return _in_context(built, message, chat, account)


async def _build_file(
    content: OutgoingFile, message: OutgoingMessage, chat: str, account: Account, desk: Desk
) -> Any:
    check_file(content)
    # A wrong context must not be found after an upload of many minutes.
    add_context(library.Message().imageMessage.contextInfo, message, chat, account)
    data = await asyncio.to_thread(read_file, content)
    uploaded = await desk.upload(data, content.kind)
    return _in_context(file_message(content, uploaded), message, chat, account)


def _in_context(built: Any, message: OutgoingMessage, chat: str, account: Account) -> Any:
    if not has_context(message):
        return built
    inner = unwrap(built).message
    for field, value in inner.ListFields():
        if "contextInfo" in getattr(field.message_type, "fields_by_name", ()):
            add_context(value.contextInfo, message, chat, account)
    return built


Builder = Callable[[Any, str, Account], Any]
_BUILDERS: Mapping[type, Builder] = {
    Location: lambda content, *_: location_message(content),
    Contacts: lambda content, *_: contacts_message(content),
    Poll: lambda content, *_: poll_message(content),
    Reaction: targets.reaction_message,
    Edit: targets.edit_message,
    Revoke: targets.revoke_message,
}
