"""Clients of two accounts talk to each other, and their phones see it all."""

import asyncio
from pathlib import Path

from tests.sandbox.client import companion
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox


async def test_two_clients_talk_through_the_network(
    sandbox: Sandbox, anna: Phone, ben: Phone, folders: tuple[Path, Path]
) -> None:
    async with (
        companion(sandbox, anna, folders[0]) as (annas, _),
        companion(sandbox, ben, folders[1]) as (bens, _),
    ):
        for number in range(3):
            for sender, receiver, to in ((annas, bens, ben), (bens, annas, anna)):
                text = f"{number} to {to.number}"
                message_id = await sender.call("send", to=to.number, text=text)
                message = await receiver.event("message")
                assert (message["id"], message["text"], message["from_me"]) == (message_id, text, False)
        seen_by_anna = [await asyncio.wait_for(anna.next_message(), 10) for _ in range(6)]
        assert [message.from_me for message in seen_by_anna] == [True, False] * 3
        assert {message.chat for message in seen_by_anna} == {ben.number}
