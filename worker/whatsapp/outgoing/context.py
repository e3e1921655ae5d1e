"""What stands around a content that goes out: what it answers, whom it names, and the forward mark."""

from typing import Any

from shared.contracts.messages import OutgoingMessage, Quoted
from worker.whatsapp.account import Account
from worker.whatsapp.jids import format_jid, parse_person
from worker.whatsapp.outgoing.limits import check_id

_MOST_MENTIONS = 1024


def has_context(message: OutgoingMessage) -> bool:
    return message.reply_to is not None or bool(message.mentions) or message.forwarded


def add_context(context: Any, message: OutgoingMessage, chat: str, account: Account) -> None:
    """Into the `contextInfo` of the content."""
    if message.reply_to is not None:
        _answer(context, message.reply_to, chat, account)
    if len(message.mentions) > _MOST_MENTIONS:
        raise ValueError(f"a message may mention at most {_MOST_MENTIONS} people")
    context.mentionedJID.extend(format_jid(parse_person(address)) for address in message.mentions)
    if message.forwarded:
        context.isForwarded = True
        context.forwardingScore = 1


def _answer(context: Any, quoted: Quoted, chat: str, account: Account) -> None:
    context.stanzaID = check_id(quoted.whatsapp_id)
    author = format_jid(parse_person(quoted.sender)) if quoted.sender else account.address_in(chat)
    context.participant = author
    # Without anything quoted, phones show the answer as a plain message.
    context.quotedMessage.conversation = quoted.text
