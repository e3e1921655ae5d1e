"""Messages where no session is named: they go through the primary one."""

from typing import Any

import pytest

from tests.factories import People
from tests.fleet_client import CONNECTED, Fleet

TEXT = {"to": "+4915112345678", "text": "hello"}


async def test_without_a_session_it_is_said_so(people: People):
    person = await people()
    answer = await person.call("POST", "/v1/messages", json=TEXT)
    assert (answer.status_code, answer.json()["code"]) == (409, "no_primary_session")
    assert "POST /v1/sessions" in answer.json()["detail"]


async def test_it_is_refused_as_by_the_primary_session_itself(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker(endpoint="http://127.0.0.1:1")
    primary, other = await fleet.session(person, "first"), await fleet.running(person, "second")
    await worker.tell(other, 1, CONNECTED)
    bodies: list[dict[str, Any]] = []
    for path in ("/v1/messages", f"/v1/sessions/{primary}/messages"):
        answer = await person.call("POST", path, json=TEXT)
        assert (answer.status_code, answer.json()["code"]) == (409, "session_not_connected")
        bodies.append({**answer.json(), "requestId": ""})
    assert bodies[0] == bodies[1]
    await person.call("POST", f"/v1/sessions/{other}/set-primary")
    # Nobody listens where this worker says that it is: it waits there, in the queue of the other session.
    sent = await person.call("POST", "/v1/messages", json=TEXT, headers={"Prefer": "respond-async"})
    assert (sent.status_code, sent.json()["sessionId"]) == (202, other)
    page = (await person.call("GET", f"/v1/sessions/{other}/messages")).json()
    assert [message["text"] for message in page["items"]] == ["hello"]


async def test_a_test_key_sends_by_a_primary_session_of_the_sandbox_alone(people: People):
    person = await people()
    key = (await person.new_key(mode="test"))["key"]
    for name, sandbox in (("real", False), ("toy", True)):
        await person.call("POST", "/v1/sessions", json={"name": name, "sandbox": sandbox})
    refused = await person.call("POST", "/v1/messages", bearer=key, json=TEXT)
    known = await person.call("POST", "/v1/sessions/real/messages", bearer=key, json=TEXT)
    assert refused.status_code == known.status_code == 404
    assert {**refused.json(), "requestId": ""} == {**known.json(), "requestId": ""}
    await person.call("POST", "/v1/sessions/toy/set-primary")
    reached = await person.call("POST", "/v1/messages", bearer=key, json=TEXT)
    assert (reached.status_code, reached.json()["code"]) == (409, "session_not_connected")


@pytest.mark.parametrize(
    "body",
    [{}, {"to": "+4915112345678"}, {"text": "hello"}, {**TEXT, "session": "shop"}, {**TEXT, "to": "me"}],
)
async def test_a_message_that_makes_no_sense_is_refused(people: People, body: dict[str, Any]):
    person = await people()
    await person.call("POST", "/v1/sessions", json={"name": "shop"})
    assert (await person.call("POST", "/v1/messages", json=body)).status_code == 422


async def test_a_key_needs_the_scope(people: People):
    person = await people()
    key = (await person.new_key(scopes=["messages:read"]))["key"]
    answer = await person.call("POST", "/v1/messages", bearer=key, json=TEXT)
    assert (answer.status_code, answer.json()["requiredScope"]) == (403, "messages:send")
