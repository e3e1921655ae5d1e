"""Reactions and votes, as the message that they are about shows them."""

import hashlib
from typing import Any

import pytest

from shared.contracts import told as words
from shared.contracts.messages import MessageKey, Poll, PollVote, Reaction
from tests.fleet_client import PEER, Fleet, text
from tests.integration.receiving import GROUP, Ear, ear_of

ANNA, BEN = "111@lid", "222@lid"
OPTIONS = ("Sea", "Hills", "Home")


@pytest.fixture
async def ear(fleet: Fleet) -> Ear:
    return await ear_of(fleet)


def reaction(target: str, emoji: str, **more: Any) -> words.MessageReceived:
    return text("", content=Reaction(target=MessageKey(whatsapp_id=target), emoji=emoji), **more)


def vote(poll: str, *options: str, **more: Any) -> words.MessageReceived:
    chosen = tuple(hashlib.sha256(option.encode()).digest() for option in options)
    return text("", content=PollVote(poll=MessageKey(whatsapp_id=poll), chosen=chosen), **more)


def poll(whatsapp_id: str, **more: Any) -> words.MessageReceived:
    return text("", whatsapp_id, content=Poll(question="Where to?", options=OPTIONS), **more)


async def test_the_latest_reaction_of_each_person_is_shown(ear: Ear):
    await ear.hears(
        text("news", "ONE", chat=GROUP, sender=ANNA),
        reaction("ONE", "👍", chat=GROUP, sender=ANNA, timestamp=1_760_000_001),
        reaction("ONE", "❤️", chat=GROUP, sender=BEN, timestamp=1_760_000_002),
        reaction("ONE", "😮", chat=GROUP, sender=ANNA, timestamp=1_760_000_003),
        # Overtaken by what was said after it.
        reaction("ONE", "👎", chat=GROUP, sender=ANNA, timestamp=1_760_000_002),
        reaction("ONE", "🎉", chat=GROUP, sender="me@lid", from_me=True, timestamp=1_760_000_004),
    )
    shown = [(one["from"], one["emoji"]) for one in (await ear.one("ONE"))["reactions"]]
    assert shown == [(BEN, "❤️"), (ANNA, "😮"), ("", "🎉")]
    await ear.hears(reaction("ONE", "", chat=GROUP, sender=BEN, timestamp=1_760_000_009))
    assert [one["from"] for one in (await ear.one("ONE"))["reactions"]] == [ANNA, ""]
    assert [event["messageId"] for event in await ear.events("message.reaction")] == [
        (await ear.one("ONE"))["id"]
    ] * 6


async def test_a_reaction_counts_in_its_own_chat_and_may_come_before_its_message(ear: Ear):
    await ear.hears(
        reaction("ONE", "👍", chat=GROUP, sender=ANNA),
        reaction("ONE", "👎", chat="120363000000000002@g.us", sender=ANNA),
        reaction("ONE", "💥"),
        text("late", "ONE", chat=GROUP, sender=BEN),
    )
    assert [one["emoji"] for one in (await ear.one("ONE"))["reactions"]] == ["👍"]


async def test_the_two_names_of_one_person_are_one_reaction(ear: Ear):
    hidden = {"chat": ANNA, "sender": ANNA, "chat_phone": "+4915112345678"}
    await ear.hears(
        text("ours", "OUT", from_me=True, chat_phone="+4915112345678"),
        reaction("OUT", "👍", chat_phone="+4915112345678", timestamp=1_760_000_001),
        reaction("OUT", "❤️", timestamp=1_760_000_002, **hidden),
    )
    assert [one["emoji"] for one in (await ear.one("OUT"))["reactions"]] == ["❤️"]


async def test_votes_are_told_in_words_and_counted(ear: Ear):
    await ear.hears(
        poll("POLL", chat=GROUP, sender=ANNA),
        vote("POLL", "Sea", "Home", chat=GROUP, sender=ANNA, timestamp=1_760_000_001),
        vote("POLL", "Hills", "Moon", chat=GROUP, sender=BEN, timestamp=1_760_000_002),
        vote("POLL", "Sea", chat=GROUP, sender=BEN, timestamp=1_760_000_003),
        vote("POLL", chat=GROUP, sender="333@lid", timestamp=1_760_000_003),
    )
    shown = await ear.one("POLL")
    assert [(one["option"], one["votes"], one["voters"]) for one in shown["votes"]] == [
        ("Sea", 2, [ANNA, BEN]),
        ("Hills", 0, []),
        ("Home", 1, [ANNA]),
    ]
    votes = [event for event in await ear.events("message.received") if event["type"] == "poll_vote"]
    assert [event["content"]["options"] for event in votes] == [["Sea", "Home"], ["Hills"], ["Sea"], []]
    assert {event["messageId"] for event in votes} == {shown["id"]}
    assert (await ear.one("POLL"))["reactions"] == []


async def test_a_vote_may_come_before_its_poll_and_only_polls_have_votes(ear: Ear):
    await ear.hears(vote("POLL", "Sea"), poll("POLL"), text("no poll", "TEXT"))
    assert (await ear.one("POLL"))["votes"][0] == {"option": "Sea", "votes": 1, "voters": [PEER]}
    assert (await ear.one("TEXT"))["votes"] is None
    assert (await ear.one("TEXT"))["receipts"] is None
