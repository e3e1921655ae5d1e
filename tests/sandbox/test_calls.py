"""Calls ring at clients, end, and are rejected by them."""

import asyncio
from pathlib import Path

import pytest

from tests.sandbox.client import companion, running_client
from tests.sandbox.client_arguments import jid
from tests.waiting import until
from worker.sandbox.phone_inbox import CallNews
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox


async def test_a_call_rings_and_is_hung_up(sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, device):
        call_id = ben.call(anna)
        offer = await client.event("call_offer")
        meta = offer["basicCallMeta"]
        assert (meta["callID"], meta["from"]["User"]) == (call_id, ben.account.lid)
        assert meta["callCreatorAlt"]["User"] == ben.number
        ben.hang_up(call_id, "timeout")
        end = await client.event("call_terminate")
        assert (end["basicCallMeta"]["callID"], end["reason"]) == (call_id, "timeout")
        # Her phone has heard it too.
        news = [await asyncio.wait_for(anna.next_call(), 10) for _ in range(2)]
        assert [told.kind for told in news] == ["offer", "terminate"]

        async def acknowledged() -> bool:
            return sandbox.network.mailbox.waiting(device) == []

        await until(acknowledged)
        with pytest.raises(LookupError):
            ben.hang_up(call_id)


async def test_a_client_rejects_a_call(sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, device):
        call_id = ben.call(anna, video=True)
        await client.event("call_offer")
        await client.invoke("reject_call", jid(str(ben.account.lid_jid)), call_id)
        news = await asyncio.wait_for(ben.next_call(), 10)
        assert news == CallNews(call_id, device, "reject")


async def test_a_missed_call_is_told_when_the_client_comes_back(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, device):
        await client.call("stop")
    ben.hang_up(ben.call(anna))
    async with running_client(sandbox, tmp_path, str(device)) as client:
        await client.call("connect")
        await client.event("call_offer")
        await client.event("call_terminate")
