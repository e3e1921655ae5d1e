"""Files that are fetched when somebody asks: of messages whose fate is known, or not."""

import hashlib
from typing import Any

import pytest

from shared.contracts import told as words
from shared.contracts.messages import FileKind, FileTicket, MessageKey, ReceivedFile
from tests.fleet_client import PEER, Fleet, text
from tests.integration.receiving import GROUP, Ear, ear_of

HASH = hashlib.sha256(b"a file").digest()
TICKET = FileTicket(
    kind=FileKind.IMAGE, direct_path="/v/t", media_key=HASH, sha256=HASH, sealed_sha256=HASH, size=6
)
FILE = ReceivedFile(kind=FileKind.IMAGE, mimetype="image/png", size=6, ticket=TICKET)


@pytest.fixture
async def ear(fleet: Fleet) -> Ear:
    return await ear_of(fleet)


def kept(whatsapp_id: str, sender: str = PEER, chat: str = PEER) -> words.FileKept:
    key = MessageKey(whatsapp_id=whatsapp_id, sender=sender)
    return words.FileKept(
        message=key, chat=chat, key=f"of {sender}", size=6, sha256=HASH, content_type="image/png"
    )


def lost(whatsapp_id: str, code: str) -> words.FileNotKept:
    key = MessageKey(whatsapp_id=whatsapp_id, sender=PEER)
    return words.FileNotKept(message=key, chat=PEER, code=code, words="why")


async def ask(ear: Ear, whatsapp_id: str) -> tuple[int, dict[str, Any]]:
    message = await ear.one(whatsapp_id)
    answer = await ear.person.call("POST", f"/v1/messages/{message['id']}/media")
    return answer.status_code, answer.json()


async def test_what_is_known_of_a_file_is_answered_at_once(ear: Ear):
    for name in ("KEPT", "GONE", "BROKEN"):
        await ear.hears(text("", name, content=FILE))
    await ear.hears(text("no file", "TEXT"))
    await ear.hears(kept("KEPT"), lost("GONE", "file_gone"), lost("BROKEN", "file_refused"))
    status, answer = await ask(ear, "KEPT")
    assert (status, answer["media"]["status"]) == (200, "kept")
    assert [
        (status, answer["code"]) for status, answer in [await ask(ear, "GONE"), await ask(ear, "TEXT")]
    ] == [
        (410, "file_gone"),
        (409, "no_file"),
    ]
    # Nobody listens at this worker's address; the file may be asked for again.
    status, answer = await ask(ear, "BROKEN")
    assert (status, answer["code"]) == (503, "worker_unreachable")
    assert (await ear.one("BROKEN"))["media"]["status"] == "pending"


async def test_a_file_belongs_to_the_message_of_its_sender(ear: Ear):
    for sender in ("111@lid", "222@lid"):
        await ear.hears(text("", "SAME", chat=GROUP, sender=sender, content=FILE))
    await ear.hears(kept("SAME", "222@lid", GROUP))
    items = (await ear.get(f"/v1/sessions/{ear.session}/messages"))["items"]
    shown = {item["from"]: item["media"]["status"] for item in items}
    assert shown == {"111@lid": "pending", "222@lid": "kept"}


async def test_nobody_else_may_ask(ear: Ear):
    await ear.hears(text("", "KEPT", content=FILE), kept("KEPT"))
    stranger, message = await ear.fleet.owner(), await ear.one("KEPT")
    answer = await stranger.call("POST", f"/v1/messages/{message['id']}/media")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
