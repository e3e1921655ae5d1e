"""What nobody may say about an endpoint: each is refused with its place and what to do."""

import base64
from typing import Any

import pytest

from control_plane.egress.names import SystemNames
from control_plane.events.schemas import EventType
from tests.factories import People
from tests.integration.egress_stand import Book
from tests.webhooks import URL, ask_for, new_webhook, pointers


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1/hook", "url_forbidden"),
        ("http://169.254.169.254/latest/meta-data", "url_forbidden"),
        ("http://[::ffff:10.0.0.1]/", "url_forbidden"),
        ("http://2130706433/", "url_invalid"),
        ("https://name:word@93.184.215.14/", "url_invalid"),
        ("ftp://93.184.215.14/", "url_invalid"),
        ("https://93.184.215.14:22/", "url_invalid"),
        ("https://93.184.215.14/" + "a" * 500_000, "url_invalid"),
        ("https://93.184.215.14/\u0000", "url_invalid"),
        ("", "url_invalid"),
    ],
    ids=lambda value: value[:30] if value.isprintable() else "unprintable",
)
async def test_urls_are_judged_at_creation_and_at_change(people: People, url: str, code: str):
    person = await people()
    webhook = await new_webhook(person)
    for answer in (
        await ask_for(person, url=url),
        await person.call("PATCH", f"/v1/webhooks/{webhook['id']}", json={"url": url}),
    ):
        assert (answer.status_code, answer.json()["code"], pointers(answer)) == (422, code, ["/url"])
    assert (await person.call("GET", f"/v1/webhooks/{webhook['id']}")).json()["url"] == URL


async def test_the_host_is_looked_up_before_it_is_kept(people: People, monkeypatch: pytest.MonkeyPatch):
    book = Book(shop=[["93.184.215.14"]], inside=[["93.184.215.14", "10.0.0.1"]])
    looked_up = SystemNames.addresses

    async def addresses(names: SystemNames, host: str) -> list[str]:
        return await (book.addresses(host) if host.endswith(".example.") else looked_up(names, host))

    monkeypatch.setattr(SystemNames, "addresses", addresses)
    person = await people()
    for host, code in (("inside", "url_forbidden"), ("nowhere", "url_unresolvable")):
        answer = await ask_for(person, url=f"https://{host}.example/hook")
        assert (answer.status_code, answer.json()["code"], pointers(answer)) == (422, code, ["/url"])
        assert answer.json()["retryable"] is (code == "url_unresolvable")
    assert book.asked == ["inside.example.", "nowhere.example."]
    await new_webhook(person, url="https://shop.example/hook")


@pytest.mark.parametrize(
    ("headers", "pointer"),
    [
        ({"Host": "example.com"}, "/headers/Host"),
        ({"Content-Length": "0"}, "/headers/Content-Length"),
        ({"webhook-signature": "v1,x"}, "/headers/webhook-signature"),
        ({"X-WEBHOOK-HMAC": "x"}, "/headers/X-WEBHOOK-HMAC"),
        ({"Content-Type": "text/plain"}, "/headers/Content-Type"),
        ({"X-A": "1\r\nHost: inside"}, "/headers/X-A"),
        ({"X-A": "é"}, "/headers/X-A"),
        ({"X A": "1"}, "/headers/X A"),
        ({"a/b~c": "1"}, "/headers/a~1b~0c"),
        ({"": "1"}, "/headers/"),
        ({"X-A": "1", "x-a": "2"}, "/headers/x-a"),
        ({f"X-{number}": "v" * 4000 for number in range(3)}, "/headers"),
    ],
    ids=repr,
)
async def test_headers_that_are_ours_or_break_a_request_are_refused(
    people: People, headers: dict[str, str], pointer: str
):
    person = await people()
    answer = await ask_for(person, headers=headers)
    assert (answer.status_code, pointers(answer)) == (422, [pointer])
    assert "inside" not in answer.text


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"events": ["message.received", "message.exploded"]}, "/events/1"),
        ({"events": ["message.received"] * 1000}, "/events"),
        ({"events": ["webhook.test"]}, "/events/0"),
        ({"events": []}, "/events"),
        ({"events": ["x" * 1000]}, "/events/0"),
        ({"sessionIds": ["ses-x"] * 1000}, "/sessionIds"),
        ({"headers": {f"X-{number}": "1" for number in range(21)}}, "/headers"),
        ({"headers": {"X-A": "v" * 5000}}, "/headers"),
        ({"secret": "canary-secret"}, "/secret"),
        ({"secret": "whsec_" + base64.b64encode(b"short").decode()}, "/secret"),
        ({"secret": "whsec_" + "A" * 10_000}, "/secret"),
        ({"hmacKey": "short"}, "/hmacKey"),
        ({"description": "x" * 501}, "/description"),
        ({"url": 5}, "/url"),
        ({"enabled": False}, "/enabled"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_makes_no_sense_is_refused_with_its_place(
    people: People, body: dict[str, Any], pointer: str
):
    person = await people()
    answer = await ask_for(person, **body)
    assert answer.status_code == 422, answer.text
    assert pointers(answer) == [pointer]
    assert "canary" not in answer.text
    assert (await person.call("GET", "/v1/webhooks")).json()["items"] == []


async def test_an_unknown_type_is_told_which_there_are(people: People):
    answer = await ask_for(await people(), events=["message.exploded"])
    assert all(known in answer.json()["detail"] for known in EventType)
