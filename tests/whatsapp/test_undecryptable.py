"""Messages that stay shut."""

import asyncio

from shared.contracts.messages import Text
from shared.contracts.told import Undecryptable
from tests.whatsapp.pair import Pair
from tests.whatsapp.test_sending import read
from worker.sandbox.phones import Phone


async def test_a_message_that_cannot_be_read_is_told_and_then_sent_again(paired: Pair, ben: Phone):
    whatsapp_id = await ben.send_unreadable(paired.phone, "at last", answers_retry=True)
    told = await paired.engine.told(paired.session, Undecryptable)
    assert (told.whatsapp_id, told.withheld) == (whatsapp_id, False)
    assert (told.chat, told.sender) == (f"{ben.account.lid}@lid",) * 2
    message = await paired.heard()
    assert (message.whatsapp_id, message.content) == (whatsapp_id, Text(text="at last"))
    assert message.timestamp == told.timestamp


async def test_what_only_phones_may_see_is_told_as_withheld(paired: Pair, ben: Phone):
    whatsapp_id = await ben.send_withheld(paired.phone)
    told = await paired.engine.told(paired.session, Undecryptable)
    assert (told.whatsapp_id, told.withheld) == (whatsapp_id, True)


async def test_a_phone_that_cannot_read_us_gets_it_again(paired: Pair, ben: Phone):
    await paired.send(ben, "hello")
    await read(ben)
    ben.forget_session(paired.device.name)
    sent = await paired.send(ben, "once more")
    again = await asyncio.wait_for(ben.next_message(), 20)
    assert (again.message_id, again.text) == (sent.whatsapp_id, "once more")
