"""Credentials end with their session, and when it is logged out, whether its client runs or not."""

import asyncpg
import pytest

from shared.ids import new_uuid
from tests.whatsapp.test_store import DEVICE, KEY, SIGNATURE, Fence, fence, store_url

__all__ = ["fence", "store_url"]

JID, OTHER = "4915550000001:7@s.whatsapp.net", "4915550000002:3@s.whatsapp.net"
IDENTITY = "INSERT INTO whatsmeow_identity_keys VALUES ($1, 'their id', $2)"
FORGET = "SELECT whatsapp_store.forget_device($1, $2)"


async def store_device(fence: Fence, jid: str) -> None:
    writer = await fence.writer(1)
    try:
        await writer.execute("SET search_path = whatsapp_store")
        await writer.execute(DEVICE, jid, KEY, SIGNATURE)
        await writer.execute(IDENTITY, jid, KEY)
    finally:
        await writer.close()


async def rows(fence: Fence, jid: str) -> tuple[object, object]:
    return (
        await fence.run("SELECT count(*) FROM whatsapp_store.whatsmeow_device WHERE jid = $1", jid),
        await fence.run(
            "SELECT count(*) FROM whatsapp_store.whatsmeow_identity_keys WHERE our_jid = $1", jid
        ),
    )


@pytest.fixture
async def stored(fence: Fence) -> Fence:
    await fence.raise_to(1)
    for jid in (JID, OTHER):
        await store_device(fence, jid)
    return fence


async def session_row(fence: Fence, jid: str) -> None:
    user = new_uuid()
    await fence.run(
        "INSERT INTO users (id, email, name, password_hash, role, tier)"
        " VALUES ($1, $2, 'A', 'x', 'user', 'BASIC')",
        user,
        f"{user}@waypost.example",
    )
    await fence.run(
        "INSERT INTO sessions (id, user_id, name, device_jid, epoch) VALUES ($1, $2, 'shop', $3, 1)",
        fence.session_id,
        user,
        jid,
    )


async def test_a_forgotten_device_leaves_nothing_and_others_stay(stored: Fence):
    refusals = await stored.refusals()
    assert await stored.run(FORGET, str(stored.session_id), JID) is True
    assert (await rows(stored, JID), await rows(stored, OTHER)) == ((0, 0), (1, 1))
    assert await stored.refusals() == refusals


async def test_forgetting_what_is_not_there_is_no_fault(stored: Fence):
    assert await stored.run(FORGET, str(stored.session_id), "4915559999999:1@s.whatsapp.net") is False
    assert await stored.run(FORGET, str(stored.session_id), None) is False
    assert await stored.run(FORGET, str(new_uuid()), JID) is False
    assert await rows(stored, JID) == (1, 1)


async def test_with_a_session_go_its_credentials_and_its_fence(stored: Fence):
    await session_row(stored, JID)
    await stored.run("DELETE FROM sessions WHERE id = $1", stored.session_id)
    assert (await rows(stored, JID), await rows(stored, OTHER)) == ((0, 0), (1, 1))
    fences = "SELECT count(*) FROM whatsapp_store.fences WHERE session_id = $1"
    assert await stored.run(fences, str(stored.session_id)) == 0


async def test_with_an_account_go_the_credentials_of_its_sessions(stored: Fence):
    await session_row(stored, JID)
    await stored.run("DELETE FROM users")
    assert (await rows(stored, JID), await rows(stored, OTHER)) == ((0, 0), (1, 1))


async def test_what_a_client_writes_after_that_is_refused(stored: Fence):
    await session_row(stored, JID)
    writer = await stored.writer(1)
    try:
        await writer.execute("SET search_path = whatsapp_store")
        await stored.run("DELETE FROM sessions WHERE id = $1", stored.session_id)
        with pytest.raises(asyncpg.PostgresError, match="does not own"):
            await writer.execute(DEVICE, JID, KEY, SIGNATURE)
    finally:
        await writer.close()


async def test_an_engine_may_not_forget_the_devices_of_others(stored: Fence):
    writer = await stored.writer(1)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await writer.execute(FORGET, str(stored.session_id), OTHER)
    finally:
        await writer.close()
    assert await rows(stored, OTHER) == (1, 1)


async def test_the_transaction_goes_on_as_who_it_was(stored: Fence):
    connection = await asyncpg.connect(stored.url)
    try:
        async with connection.transaction():
            await connection.fetchval(FORGET, str(stored.session_id), JID)
            assert not await connection.fetchval("SELECT current_setting('waypost.session_id', true)")
            # As the owner of the tables, not as a writer of the session.
            await connection.execute("UPDATE whatsapp_store.whatsmeow_device SET push_name = 'x'")
    finally:
        await connection.close()
