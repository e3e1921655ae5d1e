"""Receipts: by each reader of a group, from one's own phone, and before anybody knows what they are about."""

import uuid

import pytest
from sqlalchemy import func, select

from control_plane.db.engine import SystemSite
from control_plane.messages.models import Message
from control_plane.messages.receiving.receipt_models import EarlyReceipt
from control_plane.messages.receiving.receipts import apply_early_receipts
from shared.ids import new_uuid
from tests.fleet_client import PEER, Fleet, bare, text
from tests.integration.receiving import GROUP, Ear, ear_of, receipt

ANNA, BEN, CORA = "111@lid", "222@lid", "4915100000099@s.whatsapp.net"


@pytest.fixture
async def ear(fleet: Fleet) -> Ear:
    return await ear_of(fleet)


async def test_each_reader_of_a_group_is_counted_and_listed(ear: Ear):
    await ear.hears(text("to all", "OUT", chat=GROUP, from_me=True))
    assert (await ear.one("OUT"))["receipts"] == {"delivered": 0, "read": 0, "played": 0}
    await ear.hears(
        receipt("delivered", "OUT", reader=ANNA, chat=GROUP, sender_phone="+4915100000011"),
        receipt("delivered", "OUT", reader=CORA, chat=GROUP),
        receipt("read", "OUT", reader=BEN, chat=GROUP),
        receipt("read", "OUT", reader=ANNA, chat=GROUP),
    )
    one = await ear.one("OUT")
    assert (one["status"], one["receipts"]) == ("read", {"delivered": 3, "read": 2, "played": 0})
    path = f"/v1/messages/{one['id']}/receipts"
    first = await ear.get(path, limit=2)
    assert [item["participant"] for item in first["items"]] == [ANNA, CORA]
    assert (first["items"][0]["phone"], first["items"][0]["lid"]) == ("+4915100000011", ANNA)
    assert (first["items"][1]["phone"], first["items"][1]["readAt"]) == ("+4915100000099", None)
    (rest,) = (await ear.get(path, limit=2, cursor=first["nextCursor"]))["items"]
    assert rest["participant"] == BEN
    assert rest["deliveredAt"] == rest["readAt"] is not None
    acks = await ear.events("message.ack")
    told = [(ack["participant"], ack["participantStatus"], ack["status"]) for ack in acks]
    assert told == [
        (ANNA, "delivered", "delivered"),
        (CORA, "delivered", "delivered"),
        (BEN, "read", "read"),
        (ANNA, "read", "read"),
    ]


async def test_what_is_told_again_or_in_the_wrong_order_changes_nothing(ear: Ear):
    await ear.hears(text("listen", "OUT", chat=GROUP, from_me=True))
    kinds = ("played", "delivered", "played", "read")
    await ear.hears(*(receipt(kind, "OUT", reader=ANNA, chat=GROUP) for kind in kinds))
    one = await ear.one("OUT")
    assert (one["status"], one["receipts"]) == ("played", {"delivered": 1, "read": 1, "played": 1})
    assert len(await ear.events("message.ack")) == 1


async def test_a_member_of_a_group_cannot_acknowledge_it_from_elsewhere(ear: Ear):
    await ear.hears(text("to all", "OUT", chat=GROUP, from_me=True), text("to one", "TWO", from_me=True))
    other = "120363000000000002@g.us"
    await ear.hears(
        receipt("read", "OUT", reader=ANNA, chat=other),
        receipt("read", "OUT", reader=ANNA),
        receipt("read", "TWO", reader=ANNA, chat=GROUP),
    )
    assert [(await ear.one(name))["status"] for name in ("OUT", "TWO")] == ["sent", "sent"]
    assert await ear.events("message.ack") == []


async def test_what_own_devices_tell_is_no_ack_and_reads_what_came_in(ear: Ear):
    await ear.hears(
        text("ours", "OUT", from_me=True),
        text("theirs", "IN"),
        text("theirs, unread", "NEW", timestamp=2**31),
    )
    await ear.hears(
        receipt("read", "OUT", "IN", from_me=True),
        receipt("sender", "OUT"),
        receipt("delivered", "OUT", from_me=True),
        receipt("read_self", "OUT"),
    )
    assert (await ear.one("OUT"))["status"] == "sent"
    read, unread = await ear.one("IN"), await ear.one("NEW")
    assert (read["status"], read["readAt"], unread["readAt"]) == ("received", "2025-10-09T08:55:00Z", None)
    await ear.hears(receipt("played_self", "NEW"))
    assert (await ear.one("NEW"))["readAt"]
    assert await ear.events("message.ack") == []


async def test_a_receipt_that_comes_before_its_message_is_kept_for_it(ear: Ear):
    early = [
        receipt("read", "OUT"),
        receipt("delivered", "OUT"),
        receipt("read", "GROUP", reader=ANNA, chat=GROUP),
    ]
    await ear.hears(*early, text("by the phone", "OUT", from_me=True))
    await ear.hears(text("by the phone, to all", "GROUP", chat=GROUP, from_me=True))
    assert (await ear.one("OUT"))["status"] == "read"
    assert (await ear.one("GROUP"))["receipts"] == {"delivered": 1, "read": 1, "played": 0}
    acks = [(ack["whatsappMessageId"], ack["status"]) for ack in await ear.events("message.ack")]
    assert acks == [("OUT", "read"), ("GROUP", "read")]
    assert await early_ones(ear) == 0
    await ear.hears(receipt("read", "OLD"))
    await ear.history(text("from before", "OLD", from_me=True))
    assert (await ear.one("OLD"))["status"] == "read"


async def test_a_receipt_that_overtakes_the_answer_of_a_send_is_kept_for_it(ear: Ear):
    """The status `sending` is about to be overwritten by the outcome, whatever the receipt has made of it."""
    user_id = (await ear.fleet.row(ear.session)).user_id
    message_id, session_id = new_uuid(), uuid.UUID(bare(ear.session))
    database = ear.fleet.replica.parts.database
    async with database.system(SystemSite.SENDING) as db:
        db.add(
            Message(
                id=message_id,
                user_id=user_id,
                session_id=session_id,
                direction="outbound",
                type="text",
                chat_id=PEER,
                status="sending",
                whatsapp_message_id="KNOWN BEFORE",
            )
        )
    await ear.hears(receipt("delivered", "KNOWN BEFORE"), receipt("read", "KNOWN BEFORE"))
    assert (await ear.one("KNOWN BEFORE"))["status"] == "sending"
    async with database.system(SystemSite.SENDING) as db:
        message = await db.get_one(Message, message_id)
        message.status, message.ack = "sent", 1
        told = await apply_early_receipts(db, message)
        assert [ack["status"] for ack in told] == ["delivered", "read"]
        assert await apply_early_receipts(db, message) == []
    assert (await ear.one("KNOWN BEFORE"))["status"] == "read"


async def test_receipts_about_nothing_do_not_pile_up(ear: Ear):
    for number in range(3):
        await ear.hears(receipt("read", *(f"{number}-{one}" for one in range(600))))
    assert 0 < await early_ones(ear) <= 1_000
    await ear.hears(receipt("read", "THE NEWEST"), text("late", "THE NEWEST", from_me=True))
    assert (await ear.one("THE NEWEST"))["status"] == "read"


async def test_nobody_else_sees_the_receipts(ear: Ear):
    await ear.hears(text("to all", "OUT", chat=GROUP, from_me=True))
    stranger = await ear.fleet.owner()
    one = await ear.one("OUT")
    for message in (one["id"], "msg-00000000-0000-7000-8000-000000000000", "nonsense"):
        answer = await stranger.call("GET", f"/v1/messages/{message}/receipts")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    wrong = await ear.person.call("GET", f"/v1/messages/{one['id']}/receipts", params={"cursor": "x"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_cursor")


async def early_ones(ear: Ear) -> int:
    async with ear.fleet.replica.parts.database.system(SystemSite.SENDING) as db:
        return int(await db.scalar(select(func.count()).select_from(EarlyReceipt)) or 0)
