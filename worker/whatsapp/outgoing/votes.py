"""Votes: only the library knows the secret of a poll that it has seen."""

from typing import Any

from shared.contracts.messages import PollVote
from worker.whatsapp import library
from worker.whatsapp.account import Account
from worker.whatsapp.jids import is_group, parse_jid, parse_person
from worker.whatsapp.outgoing.limits import check_id

_MOST_OPTIONS = 12


def poll_info(content: PollVote, chat: str, account: Account) -> Any:
    """Of the poll, as the library told it when it came."""
    if len(content.options) > _MOST_OPTIONS:
        raise ValueError(f"a vote has at most {_MOST_OPTIONS} options")
    if content.chosen and not content.options:
        raise ValueError("a vote is sent with the names of its options, not with their hashes")
    own = not content.poll.sender or account.owns(content.poll.sender)
    sender = parse_person(account.address_in(chat) if own else content.poll.sender)
    # In a chat of two, the library filed the poll of the other person under the very address it came from.
    place = sender if not own and not is_group(chat) else parse_jid(chat)
    nobody = library.JID(User="", Server="", Device=0, RawAgent=0, Integrator=0, IsEmpty=True)
    source = {
        "Chat": place,
        "Sender": sender,
        "IsFromMe": own,
        "IsGroup": is_group(chat),
        "SenderAlt": nobody,
        "RecipientAlt": nobody,
        "BroadcastListOwner": nobody,
    }
    return library.MessageInfo(
        MessageSource=source,
        ID=check_id(content.poll.whatsapp_id),
        ServerID=0,
        Type="poll",
        Pushname="",
        Timestamp=0,
        Category="",
        Multicast=False,
        MediaType="",
        Edit="",
    )
