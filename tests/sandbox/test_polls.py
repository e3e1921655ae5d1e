"""Votes in polls, both ways: a phone votes in the client's poll, and the client in a phone's."""

import asyncio
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from neonize.proto.Neonize_pb2 import Message as MessageEvent

from tests.sandbox.client import Client, companion
from tests.sandbox.client_arguments import enum, jid, proto
from worker.sandbox import message_kinds
from worker.sandbox.correspondence import Received
from worker.sandbox.library import Message, PollVoteMessage
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox


async def test_a_phone_votes_in_the_clients_poll(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        await make_poll(client, jid(ben), "Where to?", "Sea", "Mountains", "Home")
        poll = await asyncio.wait_for(ben.next_message(), 10)
        await ben.vote(poll, "Mountains", "Home")
        assert await counted(client) == hashes("Mountains", "Home")
        await ben.vote(poll)
        assert await counted(client) == set()


async def test_the_client_votes_in_a_phones_poll(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        await ben.send(anna, message_kinds.poll("Tea?", "Yes", "No", secret=os.urandom(32)))
        await vote(client, await client.event("message"), jid(ben), "No")
        assert ben.read_vote(await asyncio.wait_for(ben.next_message(), 10)) == ("No",)
        # Her own phone reads it as well.
        seen = [await asyncio.wait_for(anna.next_message(), 10) for _ in range(2)]
        assert anna.read_vote(seen[-1]) == ("No",)


async def test_votes_in_a_group_are_counted_by_everybody(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        group = await ben.new_group("Voters", anna)
        await client.event("joined_group")
        await ben.send(group, message_kinds.poll("When?", "Now", "Later", secret=os.urandom(32)))
        event = await client.event("message")
        while not _content(event).HasField("pollCreationMessageV3"):
            event = await client.event("message")
        await vote(client, event, jid(group), "Later")
        assert ben.read_vote(await asyncio.wait_for(ben.next_message(), 10)) == ("Later",)
        await ben.vote(await next_poll(anna), "Now")
        assert await counted(client) == hashes("Now")


async def test_a_phone_counts_no_vote_in_a_poll_that_it_never_had(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        stray: Any = Message()
        stray.pollUpdateMessage.pollCreationMessageKey.ID = "3A00"
        stray.pollUpdateMessage.vote.encPayload = os.urandom(40)
        await client.call("send_content", to=ben.number, content=stray.SerializeToString().hex())
        received = await asyncio.wait_for(ben.next_message(), 10)
        with pytest.raises(LookupError, match="does not have the poll"):
            ben.read_vote(received)


async def test_a_vote_that_was_tampered_with_is_refused(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        await ben.send(anna, message_kinds.poll("Tea?", "Yes", "No", secret=os.urandom(32)))
        await vote(client, await client.event("message"), jid(ben), "Yes")
        received = await asyncio.wait_for(ben.next_message(), 10)
        sealed = received.content.pollUpdateMessage.vote
        for iv, payload in ((sealed.encIV, os.urandom(48)), (b"", sealed.encPayload), (sealed.encIV, b"")):
            sealed.encIV, sealed.encPayload = iv, payload
            with pytest.raises(ValueError, match="does not belong"):
                ben.read_vote(received)


async def make_poll(client: Client, chat: dict[str, str], question: str, *options: str) -> None:
    several = enum("VoteType", "MULTIPLE")
    made = await client.invoke("build_poll_vote_creation", question, list(options), several)
    await client.invoke("send_message", chat, proto("Message", bytes.fromhex(made["raw"])))


async def vote(client: Client, poll: dict[str, Any], chat: dict[str, str], *options: str) -> None:
    info = MessageEvent.FromString(bytes.fromhex(poll["raw"])).Info.SerializeToString()
    made = await client.invoke("build_poll_vote", proto("MessageInfo", info), list(options))
    await client.invoke("send_message", chat, proto("Message", bytes.fromhex(made["raw"])))


async def counted(client: Client) -> set[bytes]:
    """The choice in the next vote that the client hears of, as the library opens it."""
    event = await client.event("message")
    while not _content(event).HasField("pollUpdateMessage"):
        event = await client.event("message")
    opened = await client.invoke("decrypt_poll_vote", proto("MessageEvent", bytes.fromhex(event["raw"])))
    return set(PollVoteMessage.FromString(bytes.fromhex(opened["raw"])).selectedOptions)


def hashes(*options: str) -> set[bytes]:
    return {hashlib.sha256(option.encode()).digest() for option in options}


async def next_poll(phone: Phone) -> Received:
    message = await asyncio.wait_for(phone.next_message(), 10)
    while not message.content.HasField("pollCreationMessageV3"):
        message = await asyncio.wait_for(phone.next_message(), 10)
    return message


def _content(event: dict[str, Any]) -> Any:
    return Message.FromString(bytes.fromhex(event["content"]))
