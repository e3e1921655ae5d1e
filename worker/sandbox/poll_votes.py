"""Votes in polls: sealed with the secret of the poll, so that only those who have it can count them."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from worker.sandbox.library import DecodeError, Message, PollVoteMessage
from worker.sandbox.message_kinds import Outgoing
from worker.sandbox.signal.derivation import derive

_POLLS = ("pollCreationMessage", "pollCreationMessageV2", "pollCreationMessageV3")
_IV_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Poll:
    """As a phone that has it knows it; `author` is the address of whoever made it."""

    message_id: str
    author: str
    secret: bytes
    options: tuple[str, ...]


def poll_in(content: Any, message_id: str, author: str) -> Poll | None:
    for name in _POLLS:
        if content.HasField(name):
            options = tuple(option.optionName for option in getattr(content, name).options)
            return Poll(message_id, author, content.messageContextInfo.messageSecret, options)
    return None


def vote(poll: Poll, chat: str, voter: str, chosen: tuple[str, ...], *, in_group: bool) -> Outgoing:
    """`voter` and the poll's author as their addresses without a device; no choice takes the vote back."""
    choice = PollVoteMessage(selectedOptions=[_name_of(option) for option in chosen])
    iv = secrets.token_bytes(_IV_LENGTH)
    content: Any = Message()
    key = content.pollUpdateMessage.pollCreationMessageKey
    key.remoteJID, key.ID, key.fromMe = chat, poll.message_id, poll.author == voter
    if in_group:
        key.participant = poll.author
    cipher = AESGCM(_key(poll, voter))
    content.pollUpdateMessage.vote.encIV = iv
    content.pollUpdateMessage.vote.encPayload = cipher.encrypt(
        iv, choice.SerializeToString(), _covered(poll, voter)
    )
    return Outgoing(content, "poll")


def read(poll: Poll, content: Any, voter: str) -> tuple[str, ...]:
    """The options voted for, in the order of the poll; ValueError when the vote is not for it."""
    sealed = content.pollUpdateMessage.vote
    try:
        plain = AESGCM(_key(poll, voter)).decrypt(sealed.encIV, sealed.encPayload, _covered(poll, voter))
        chosen: Any = PollVoteMessage.FromString(plain)
    except (InvalidTag, ValueError, DecodeError) as error:
        raise ValueError("a vote that does not belong to this poll") from error
    hashes = set(chosen.selectedOptions)
    return tuple(option for option in poll.options if _name_of(option) in hashes)


def _name_of(option: str) -> bytes:
    return hashlib.sha256(option.encode()).digest()


def _key(poll: Poll, voter: str) -> bytes:
    info = poll.message_id + poll.author + voter + "Poll Vote"
    return derive(poll.secret, info.encode(), 32)


def _covered(poll: Poll, voter: str) -> bytes:
    return f"{poll.message_id}\0{voter}".encode()
