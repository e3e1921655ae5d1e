"""What has arrived at phones: messages, decrypted, and receipts. Whoever asks may wait for more."""

import asyncio
from collections.abc import Callable
from itertools import groupby
from typing import Annotated, TypeVar

import msgspec
from aiohttp import web

from worker.sandbox.control.answers import done, moment, page
from worker.sandbox.control.bodies import (
    Body,
    Limit,
    MessageId,
    Number,
    Position,
    Wait,
    read_body,
    read_query,
)
from worker.sandbox.control.problems import invalid, not_found
from worker.sandbox.control.subjects import network_of, phone_of, received
from worker.sandbox.control.told import Told, tell
from worker.sandbox.correspondence import Receipt, Received
from worker.sandbox.network import Network
from worker.sandbox.phone_inbox import Inbox
from worker.sandbox.phones import Phone

Item = TypeVar("Item")


class Reading(Body, frozen=True, kw_only=True):
    """`wait` is how many seconds an answer without items may take."""

    sender: Number | None = msgspec.field(default=None, name="from")
    after: Position = 0
    limit: Limit = 100
    wait: Wait = 0.0


class Read(Body, frozen=True, kw_only=True):
    message_ids: Annotated[list[MessageId], msgspec.Meta(min_length=1, max_length=1000)]
    played: bool = False


async def read_messages(request: web.Request) -> web.Response:
    network, phone, wanted = network_of(request), phone_of(request), read_query(request, Reading)
    found, following = await _more(phone.inbox, wanted, lambda message: message.sender.number)
    return page([_message(network, phone, position, message) for position, message in found], following)


async def read_receipts(request: web.Request) -> web.Response:
    wanted = read_query(request, Reading)
    found, following = await _more(phone_of(request).receipts, wanted, lambda receipt: receipt.sender.number)
    return page([_receipt(position, receipt) for position, receipt in found], following)


async def read_file(request: web.Request) -> web.Response:
    phone = phone_of(request)
    message = received(phone, request.match_info["message_id"])
    try:
        # Opening a large file takes longer than the network's clients should wait.
        data = await asyncio.to_thread(phone.read_file, message)
    except (LookupError, ValueError):
        raise not_found("This message has no file that can be opened.") from None
    return web.Response(body=data, content_type="application/octet-stream")


async def mark_read(request: web.Request) -> web.Response:
    phone, wanted = phone_of(request), await read_body(request, Read)
    messages = [received(phone, message_id) for message_id in dict.fromkeys(wanted.message_ids)]
    if any(message.from_me for message in messages):
        raise invalid("messageIds", "messageIds names a message of this phone's own account.")
    mark = phone.mark_played if wanted.played else phone.mark_read
    # One receipt is for one author in one chat.
    for _, together in groupby(sorted(messages, key=_author), key=_author):
        await mark(*together)
    return done()


async def _more(
    inbox: Inbox[Item], wanted: Reading, sender_of: Callable[[Item], str]
) -> tuple[list[tuple[int, Item]], int]:
    """Also where to go on: past what was looked at and came from somebody else."""
    end, after = asyncio.get_running_loop().time() + wanted.wait, wanted.after
    while True:
        while seen := inbox.after(after, wanted.limit):
            after = seen[-1][0]
            found = [(at, item) for at, item in seen if wanted.sender in (None, sender_of(item))]
            if found:
                return found, after
        rest = end - asyncio.get_running_loop().time()
        if rest <= 0:
            return [], after
        await inbox.wait_for_more(after, rest)


def _message(network: Network, phone: Phone, position: int, message: Received) -> Told:
    told = tell(network, message.content)
    if isinstance(file := told.get("file"), dict):
        file["url"] = f"/phones/{phone.number}/inbox/{message.message_id}/file"
    if told["type"] == "poll_vote":
        told |= _vote(phone, message)
    envelope: Told = {
        "position": position,
        "messageId": message.message_id,
        "chat": message.chat,
        "from": message.sender.number,
        "fromDevice": message.sender.device,
        "fromMe": message.from_me,
        "timestamp": moment(message.timestamp),
    }
    return envelope | told


def _vote(phone: Phone, message: Received) -> Told:
    """Only who has the poll can open a vote in it."""
    try:
        return {"options": phone.read_vote(message)}
    except (LookupError, ValueError):
        return {}


def _receipt(position: int, receipt: Receipt) -> Told:
    return {
        "position": position,
        "messageIds": receipt.message_ids,
        "from": receipt.sender.number,
        "fromDevice": receipt.sender.device,
        "type": receipt.kind or "delivered",
    }


def _author(message: Received) -> tuple[str, str]:
    return message.chat, message.sender.number


ROUTES = [
    web.get("/phones/{number}/inbox", read_messages),
    web.get("/phones/{number}/inbox/{message_id}/file", read_file),
    web.get("/phones/{number}/receipts", read_receipts),
    web.post("/phones/{number}/read", mark_read),
]
