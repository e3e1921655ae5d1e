"""Contacts and chats are made of the messages that were there before them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from control_plane.db import migrations
from shared.ids import new_uuid

BEFORE = "20261130_2220"
BEGIN = datetime.now(UTC) - timedelta(hours=1)
ANNA, ANNA_HIDDEN = "4915112345678@s.whatsapp.net", "77000111222333@lid"
BEN, STRANGER, GROUP = "4915198765432@s.whatsapp.net", "88@lid", "120363000000000001@g.us"


async def put(connection: Any, user: Any, session: Any, second: int, **values: Any) -> None:
    row = {
        "id": new_uuid(),
        "user_id": user,
        "session_id": session,
        "direction": "inbound",
        "type": "text",
        "created_at": BEGIN + timedelta(seconds=second),
        **values,
    }
    names = ", ".join(row)
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    await connection.execute(f"INSERT INTO messages ({names}) VALUES ({places})", *row.values())


async def test_earlier_messages_get_their_contacts_and_chats(empty_database_url: str):
    await migrations.migrate(empty_database_url, BEFORE)
    connection = await asyncpg.connect(empty_database_url)
    user, session, other = new_uuid(), new_uuid(), new_uuid()
    owner = (
        "INSERT INTO users (id, email, name, password_hash, role, tier)"
        " VALUES ($1, 'owner@example.com', 'Owner', '', 'user', 'BASIC')"
    )
    await connection.execute(owner, user)
    for number, identity in enumerate((session, other)):
        statement = "INSERT INTO sessions (id, user_id, name) VALUES ($1, $2, $3)"
        await connection.execute(statement, identity, user, f"shop-{number}")
    await put(connection, user, session, 1, chat_id=ANNA, direction="outbound", phone="+4915112345678")
    await put(connection, user, session, 2, chat_id=ANNA_HIDDEN, phone="+4915112345678", lid=ANNA_HIDDEN)
    await put(connection, user, session, 3, chat_id=ANNA_HIDDEN, type="reaction")
    # Of what was sent from the phone itself, the number was the account's own.
    await put(connection, user, session, 4, chat_id=STRANGER, direction="outbound", phone="+499999999999")
    await put(connection, user, session, 5, chat_id=BEN)
    await put(connection, user, session, 6, chat_id=GROUP, phone="+4915198765432", lid="99@lid")
    await put(connection, user, session, 7, chat_id="c" * 5_000)
    await put(connection, user, session, 8, chat_id="status@broadcast")
    await put(connection, user, other, 9, chat_id=ANNA_HIDDEN)
    await migrations.migrate(empty_database_url)
    found = await connection.fetch("SELECT session_id, phone, lid FROM contacts")
    assert {tuple(row) for row in found} == {
        (session, "+4915112345678", ANNA_HIDDEN),
        (session, None, STRANGER),
        (session, "+4915198765432", None),
        (other, None, ANNA_HIDDEN),
    }
    of_contacts = await connection.fetch(
        "SELECT m.session_id, c.lid, c.phone, array_agg(DISTINCT m.chat_id) AS chats"
        " FROM messages m JOIN contacts c ON c.id = m.contact_id AND c.session_id = m.session_id"
        " GROUP BY m.session_id, c.lid, c.phone"
    )
    chats = {(row["session_id"], row["lid"], row["phone"]): set(row["chats"]) for row in of_contacts}
    assert chats == {
        (session, ANNA_HIDDEN, "+4915112345678"): {ANNA, ANNA_HIDDEN},
        (session, STRANGER, None): {STRANGER},
        (session, None, "+4915198765432"): {BEN},
        (other, ANNA_HIDDEN, None): {ANNA_HIDDEN},
    }
    seconds = await connection.fetch(
        "SELECT extract(epoch FROM last_message_at - $1)::int AS second FROM chats ORDER BY 1", BEGIN
    )
    assert [row["second"] for row in seconds] == [2, 4, 5, 6, 7, 9]
    await connection.close()
    await migrations.migrate(empty_database_url, BEFORE)
    await migrations.migrate(empty_database_url)
