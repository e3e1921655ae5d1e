"""Polls; their votes are sealed with a secret that goes out with the poll."""

import secrets
from typing import Any

from shared.contracts.messages import Poll
from worker.whatsapp import library
from worker.whatsapp.outgoing.limits import check_text

_FEWEST, _MOST = 2, 12
_LONGEST_QUESTION = 255
_LONGEST_OPTION = 100
_SECRET = 32


def poll_message(content: Poll) -> Any:
    check_text(content.question, "the question of the poll", _LONGEST_QUESTION)
    check_options(content.options)
    if not 0 <= content.selectable <= len(content.options):
        raise ValueError("a voter may choose from 0 (any number) to all of the options")
    poll = {
        "name": content.question,
        "options": [{"optionName": option} for option in content.options],
        "selectableOptionsCount": content.selectable,
    }
    secret = secrets.token_bytes(_SECRET)
    # Of all forms of polls the library marks only the first as one on its envelope, where the network looks.
    return library.Message(pollCreationMessage=poll, messageContextInfo={"messageSecret": secret})


def check_options(options: tuple[str, ...]) -> None:
    if not _FEWEST <= len(options) <= _MOST:
        raise ValueError(f"a poll has {_FEWEST} to {_MOST} options, not {len(options)}")
    for option in options:
        check_text(option, "an option of the poll", _LONGEST_OPTION)
    # Votes tell options by their hashes: two of one name could not be told apart.
    if len(set(options)) != len(options):
        raise ValueError("each option of a poll may stand in it only once")
