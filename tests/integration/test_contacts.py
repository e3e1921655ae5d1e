"""One identity of a number and the name that hides it, however and whenever the network tells of them."""

import time
from typing import Any

import pytest

from shared.contracts import told as words
from shared.contracts.messages import MessageKey, Reaction
from tests.factories import Person
from tests.fleet_client import CONNECTED, PEER, Fleet, FleetWorker, messages, received, text
from tests.waiting import until

PHONE, HIDDEN = "+4915112345678", "77000111222333@lid"
OTHER_PHONE, OTHER = "+4915198765432", "4915198765432@s.whatsapp.net"
GROUP = "120363000000000001@g.us"
NOW = int(time.time()) - 1_000


class Line:
    """A session, and the worker that tells of it."""

    def __init__(self, person: Person, worker: FleetWorker, session: str) -> None:
        self.person = person
        self.worker = worker
        self.session = session
        self._seconds = NOW

    async def hears(self, body: str, whatsapp_id: str = "", **changes: Any) -> None:
        self._seconds += 1
        told = text(body, whatsapp_id, **{"timestamp": self._seconds, **changes})
        await self.worker.tell(self.session, 1, told)

    async def get(self, path: str, status: int = 200, **parameters: Any) -> Any:
        answer = await self.person.call("GET", f"/v1/sessions/{self.session}/{path}", params=parameters)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def texts(self, chat: str) -> list[str]:
        items = (await self.get("messages", chat=chat))["items"]
        return [item["text"] for item in items]

    async def contacts(self, **parameters: Any) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await self.get("contacts", **parameters))["items"]
        return items

    async def chats(self, **parameters: Any) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await self.get("chats", **parameters))["items"]
        return items


async def line_of(fleet: Fleet, worker: FleetWorker) -> Line:
    person = await fleet.owner()
    session = await fleet.running(person)
    await worker.tell(session, 1, CONNECTED)
    return Line(person, worker, session)


@pytest.fixture
async def line(fleet: Fleet) -> Line:
    return await line_of(fleet, await fleet.worker())


def hidden(**more: Any) -> dict[str, Any]:
    return {"chat": HIDDEN, "sender": HIDDEN, **more}


async def test_a_number_and_the_name_that_hides_it_are_one_contact(line: Line):
    await line.hears("hidden", **hidden(chat_phone=PHONE, push_name="Anna"))
    await line.hears("by number", sender_lid=HIDDEN)
    (contact,) = await line.contacts()
    assert (contact["phone"], contact["lid"], contact["name"]) == (PHONE, HIDDEN, "Anna")
    for name in (PHONE, HIDDEN, PEER, PHONE.lstrip("+"), "0049 151 1234-5678"):
        assert await line.texts(name) == ["by number", "hidden"]
        assert (await line.get(f"contacts/{name}"))["id"] == contact["id"]
    (chat,) = await line.chats()
    assert (chat["chatId"], chat["contactId"], chat["unread"]) == (PEER, contact["id"], 2)
    assert {one["contactId"] for one in await messages(line.person, line.session)} == {contact["id"]}


async def test_what_is_learnt_later_is_told_of_earlier_messages_as_well(line: Line):
    await line.hears("who is it", **hidden())
    (before,) = await messages(line.person, line.session)
    assert (before["phone"], before["lid"]) == (None, HIDDEN)
    assert await line.texts(PHONE) == []
    await line.hears("it is me", **hidden(sender_phone=PHONE))
    for one in await messages(line.person, line.session):
        assert (one["phone"], one["lid"], one["contactId"]) == (PHONE, HIDDEN, before["contactId"])
    one = (await line.person.call("GET", f"/v1/messages/{before['id']}")).json()
    assert one["phone"] == PHONE
    assert await line.texts(PHONE) == ["it is me", "who is it"]


async def test_two_that_turn_out_to_be_one_are_merged_and_both_ids_lead_there(line: Line):
    await line.hears("to the number", "OUT", from_me=True)
    await line.hears("from the hidden name", **hidden())
    first, second = reversed(await messages(line.person, line.session))
    assert first["contactId"] != second["contactId"]
    assert len(await line.chats()) == 2
    await line.hears("both names", **hidden(chat_phone=PHONE))
    (contact,) = await line.contacts()
    assert contact["id"] == first["contactId"]
    for identity in (first["contactId"], second["contactId"]):
        assert (await line.get(f"contacts/{identity}"))["id"] == first["contactId"]
    assert await line.texts(PHONE) == ["both names", "from the hidden name", "to the number"]
    assert await line.texts(HIDDEN) == await line.texts(PHONE)
    (chat,) = await line.chats()
    assert (chat["lastMessage"]["text"], chat["unread"]) == ("both names", 2)


async def test_a_reaction_under_the_one_name_finds_what_was_sent_to_the_other(line: Line):
    await line.hears("to the number", "OUT", from_me=True)
    reaction = Reaction(target=MessageKey(whatsapp_id="OUT"), emoji="👍")
    await line.hears("", "REACTED", **hidden(chat_phone=PHONE, content=reaction))
    (sent,) = [one for one in await messages(line.person, line.session) if one["type"] == "text"]
    told: list[str] = []

    async def heard() -> bool:
        events = (await line.person.call("GET", "/v1/events?limit=200")).json()["items"]
        told[:] = [event["data"]["messageId"] for event in events if event["type"] == "message.reaction"]
        return bool(told)

    await until(heard)
    assert told == [sent["id"]]
    # A reaction is no news that brings a chat to the top.
    assert [chat["lastMessage"]["id"] for chat in await line.chats()] == [sent["id"]]


async def test_the_same_message_under_both_names_is_stored_once(line: Line):
    await line.hears("live", "SAME", **hidden(chat_phone=PHONE))
    old = received("live", "SAME", sender_lid=HIDDEN, timestamp=NOW)
    sent = received("sent", "SENT", from_me=True, timestamp=NOW)
    echo = received("sent", "SENT", from_me=True, timestamp=NOW, **hidden(sender="1@lid"))
    parts = [words.HistoryReceived(kind="recent", progress=9, messages=(one,)) for one in (old, sent, echo)]
    await line.worker.tell(line.session, 1, *parts)
    assert sorted(await line.texts(PHONE)) == ["live", "sent"]


async def test_accounts_never_learn_from_each_other(fleet: Fleet):
    worker = await fleet.worker()
    one, other = await line_of(fleet, worker), await line_of(fleet, worker)
    await one.hears("known here", **hidden(chat_phone=PHONE, push_name="Anna"))
    await other.hears("a stranger there", **hidden())
    (contact,) = await other.contacts()
    assert (contact["phone"], contact["lid"], contact["pushName"]) == (None, HIDDEN, None)
    assert await other.texts(PHONE) == []
    await other.get(f"contacts/{PHONE}", 404)
    (theirs,) = await one.contacts()
    await other.get(f"contacts/{theirs['id']}", 404)
    answer = await other.person.call("GET", f"/v1/sessions/{one.session}/contacts")
    assert answer.status_code == 404


async def test_a_number_that_was_given_to_somebody_else_is_another_contact(line: Line):
    await line.hears("the first", **hidden(chat_phone=PHONE))
    await line.hears("the next", chat="88@lid", sender="88@lid", chat_phone=PHONE)
    by_lid = {contact["lid"]: contact for contact in await line.contacts()}
    assert (by_lid[HIDDEN]["phone"], by_lid["88@lid"]["phone"]) == (None, PHONE)
    assert (await line.texts(PHONE), await line.texts(HIDDEN)) == (["the next"], ["the first"])


async def test_somebody_with_a_new_number_is_still_found_under_the_old_one(line: Line):
    await line.hears("old", **hidden(chat_phone=PHONE))
    await line.hears("new", **hidden(chat_phone=OTHER_PHONE))
    for name in (PHONE, OTHER_PHONE, HIDDEN):
        assert await line.texts(name) == ["new", "old"]
    (contact,) = await line.contacts()
    assert contact["phone"] == OTHER_PHONE
    await line.hears("back", **hidden(chat_phone=PHONE))
    (contact,) = await line.contacts()
    assert (contact["phone"], await line.texts(OTHER_PHONE)) == (PHONE, ["back", "new", "old"])


async def test_writers_in_groups_are_known_by_both_names_once_they_are(line: Line):
    await line.hears("in the group", chat=GROUP, sender=HIDDEN, push_name="Anna")
    await line.hears("alone", **hidden(chat_phone=PHONE))
    alone, in_group = await messages(line.person, line.session)
    assert (in_group["contactId"], in_group["phone"], in_group["lid"]) == (None, PHONE, HIDDEN)
    assert (await line.texts(GROUP), await line.texts(PHONE)) == (["in the group"], ["alone"])
    assert alone["contactId"] is not None
    chats = {chat["chatId"]: chat for chat in await line.chats()}
    assert (chats[GROUP]["contactId"], chats[GROUP]["unread"], chats[PEER]["name"]) == (None, 1, "Anna")


async def test_what_the_account_is_itself_called_is_learnt_at_its_log_in(line: Line):
    me = words.LoggedInAs(device_jid="1:1@s.whatsapp.net", phone=PHONE, lid=HIDDEN, display_name="A Shop")
    await line.worker.tell(line.session, 1, me)
    (contact,) = await line.contacts()
    assert (contact["phone"], contact["lid"], contact["pushName"]) == (PHONE, HIDDEN, "A Shop")


async def test_chats_come_in_pages_the_latest_first_each_with_its_own_last_message(line: Line):
    people = [f"49151000000{number:02}@s.whatsapp.net" for number in range(5)]
    for number, person in enumerate(people):
        await line.hears(f"from {number}", chat=person, sender=person)
    await line.hears("again", chat=people[1], sender=people[1])
    # What is told late is not the last for that.
    await line.hears("long ago", chat=people[0], sender=people[0], timestamp=NOW - 5_000)
    found: list[str] = []
    cursor = ""
    while True:
        page = await line.get("chats", limit=2, cursor=cursor)
        found += [chat["lastMessage"]["text"] for chat in page["items"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert found == ["again", "from 4", "from 3", "from 2", "from 0"]
    await line.get("contacts", 422, cursor=(await line.get("chats", limit=2))["nextCursor"])


async def test_contacts_are_found_by_name_and_number_and_come_in_pages(line: Line):
    await line.hears("a", **hidden(chat_phone=PHONE, push_name="Anna 100%"))
    await line.hears("b", chat=OTHER, sender=OTHER, push_name="Ben")
    assert [one["name"] for one in await line.contacts(q="ann")] == ["Anna 100%"]
    assert [one["name"] for one in await line.contacts(q="%")] == ["Anna 100%"]
    assert [one["name"] for one in await line.contacts(q="151 987")] == ["Ben"]
    assert await line.contacts(q="_") == []
    first = await line.get("contacts", limit=1)
    second = await line.get("contacts", limit=1, cursor=first["nextCursor"])
    assert [page["items"][0]["name"] for page in (first, second)] == ["Ben", "Anna 100%"]
    assert second["nextCursor"] is None
    for reference, status in (("con-0", 422), ("me", 422), ("+4915100000000", 404), (f"con-{'0' * 8}", 422)):
        await line.get(f"contacts/{reference}", status)
    await line.get("contacts/con-00000000-0000-7000-8000-000000000000", 404)


async def test_addresses_of_any_length_and_kind_stop_nothing(line: Line):
    long = "c" * 5_000
    await line.hears("long", chat=long, sender=long, push_name="n" * 5_000)
    await line.hears("status", chat="status@broadcast", sender=HIDDEN, push_name="n" * 5_000)
    await line.hears("channel", chat="120363000000000000@newsletter", sender="120363000000000000@newsletter")
    assert [chat["chatId"] for chat in await line.chats()] == ["120363000000000000@newsletter"]
    (contact,) = await line.contacts()
    assert (contact["lid"], len(contact["name"])) == (HIDDEN, 200)
    assert await line.texts("status@broadcast") == ["status"]
    assert await line.texts("120363000000000000@newsletter") == ["channel"]
