"""What is done to messages that are there already: reactions, edits, deletions."""

import time
from typing import Any

from shared.contracts.messages import Edit, MessageKey, Reaction, Revoke
from worker.whatsapp import library
from worker.whatsapp.account import Account
from worker.whatsapp.jids import format_jid, is_group, parse_person
from worker.whatsapp.outgoing.limits import LONGEST_TEXT, check_id, check_text

_LONGEST_EMOJI = 64


def reaction_message(content: Reaction, chat: str, account: Account) -> Any:
    emoji = check_text(content.emoji, "the reaction", _LONGEST_EMOJI, empty=True)
    reaction = {
        "key": key_of(content.target, chat, account),
        "text": emoji,
        "senderTimestampMS": time.time_ns() // 1_000_000,
    }
    return library.Message(reactionMessage=reaction)


def edit_message(content: Edit, chat: str, account: Account) -> Any:
    """The library reads off the wrapper that the stanza must tell of an edit."""
    text = check_text(content.text, "the new text", LONGEST_TEXT)
    key = key_of(content.target, chat, account)
    if not key["fromMe"]:
        raise ValueError("only messages of one's own can be edited")
    edit = {
        "key": key,
        "type": "MESSAGE_EDIT",
        "editedMessage": {"conversation": text},
        "timestampMS": time.time_ns() // 1_000_000,
    }
    return library.Message(editedMessage={"message": {"protocolMessage": edit}})


def revoke_message(content: Revoke, chat: str, account: Account) -> Any:
    key = key_of(content.target, chat, account)
    if not key["fromMe"] and not is_group(chat):
        raise ValueError("in a chat of two, only messages of one's own can be deleted for everyone")
    return library.Message(protocolMessage={"key": key, "type": "REVOKE"})


def key_of(target: MessageKey, chat: str, account: Account) -> dict[str, Any]:
    """In a chat of two, whatever is not ours is theirs; in a group, the author has to be named."""
    sender = format_jid(parse_person(target.sender)) if target.sender else ""
    from_me = not sender or account.owns(sender)
    key = {"remoteJID": chat, "fromMe": from_me, "ID": check_id(target.whatsapp_id)}
    return key if from_me or not is_group(chat) else {**key, "participant": sender}
