"""Files that are handed in: whatever is wrong with one is told where it is wrong, and nothing of it stays."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
from aiohttp import web
from sqlalchemy import select

from control_plane.db.engine import SystemSite
from control_plane.messages.files.removals import FileRemoval
from shared.contracts.commands import CommandAnswer, Outcome
from shared.contracts.messages import FileKind
from shared.files.limits import HANDED_IN, IN_JSON, LARGEST, MIB
from tests import run_folder
from tests.factories import Person
from tests.fleet_client import CONNECTED, JOIN_TOKEN, Fleet
from tests.integration.egress_stand import PRIVATE, site

ANNA = "+4915100000001"
DATA = b"some bytes of a file"
BASE64 = base64.b64encode(DATA).decode()
SENDS = "/v1/sessions/shop/messages"


@pytest.fixture
def fleet_settings(tmp_path: Path) -> dict[str, str]:
    return {
        "WAYPOST_JOIN_TOKENS": JOIN_TOKEN,
        "WAYPOST_MEDIA_URL": str(tmp_path / "media"),
        "WAYPOST_EGRESS_ALLOW": "127.0.0.1",
        "WAYPOST_SESSION_MESSAGES_PER_MINUTE": "1000",
        "WAYPOST_RECIPIENT_MESSAGES_PER_MINUTE": "1000",
    }


class Shop:
    def __init__(self, fleet: Fleet, person: Person, folder: Path) -> None:
        self.fleet = fleet
        self.person = person
        self.folder = folder
        self.answer = CommandAnswer(outcome=Outcome.DONE, whatsapp_id="3EB0")
        self.wishes: list[dict[str, Any]] = []

    async def command(self, request: web.Request) -> web.Response:
        self.wishes.append(await request.json())
        return web.Response(body=msgspec.json.encode(self.answer))

    async def send(self, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
        whole = {"to": ANNA, "type": "document", **body}
        return await self.person.call("POST", SENDS, json=whole, headers=headers or {})

    async def form(
        self, *parts: tuple[str, Any], headers: dict[str, str] | None = None, **body: Any
    ) -> httpx.Response:
        """With the message in front, unless the parts have one of their own."""
        message = ("message", (None, json.dumps({"to": ANNA, "type": "document", **body})))
        own = any(name == "message" for name, _ in parts) or body.pop("bare", False)
        files = list(parts) if own else [message, *parts]
        return await self.person.call("POST", SENDS, files=files, headers=headers or {})

    def stored(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]

    async def nothing_stays(self) -> None:
        assert self.stored() == []
        async with self.fleet.replica.parts.database.system(SystemSite.SENDING) as db:
            assert (await db.scalars(select(FileRemoval))).all() == []
        page = (await self.person.call("GET", SENDS)).json()
        assert page["items"] == []


@pytest.fixture
async def shop(fleet: Fleet, tmp_path: Path) -> AsyncIterator[Shop]:
    made = Shop(fleet, await fleet.owner(), tmp_path / "media")
    app = web.Application()
    app.router.add_post("/sessions/{session}/commands", made.command)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        worker = await fleet.worker(endpoint=f"http://127.0.0.1:{runner.addresses[0][1]}")
        session = await fleet.running(made.person)
        await worker.tell(session, 1, CONNECTED)
        yield made
    finally:
        await runner.cleanup()


def told(answer: httpx.Response) -> tuple[int, str, list[str]]:
    problem = answer.json()
    pointers = [error["pointer"] for error in problem.get("errors", [])]
    return answer.status_code, problem["code"], pointers


FILE = ("file", ("a.txt", DATA, "text/plain"))


async def test_there_is_exactly_one_file_or_it_is_said_which_is_too_much(shop: Shop):
    wrong = 422, "validation_failed"
    assert told(await shop.send()) == (*wrong, ["/media"])
    assert told(await shop.send(media={})) == (*wrong, ["/media"])
    both = {"url": "https://example.com/a.jpg", "base64": BASE64}
    assert told(await shop.send(media=both)) == (*wrong, ["/media/base64"])
    assert told(await shop.form(FILE, media={"url": "https://example.com/a"})) == (*wrong, ["/media/url"])
    assert told(await shop.form(FILE, media={"base64": BASE64})) == (*wrong, ["/media/base64"])
    assert told(await shop.form(FILE, type="text", text="x")) == (*wrong, ["/file"])
    assert told(await shop.send(type="image", media={"base64": BASE64, "name": "x"})) == (
        *wrong,
        ["/media/name"],
    )
    assert told(await shop.send(media={"base64": BASE64, "contentType": "x\r\ny"})) == (
        *wrong,
        ["/media/contentType"],
    )
    await shop.nothing_stays()


@pytest.mark.parametrize(
    "text", ["", "  ", "a", "abc", "!!!!", "data:text/plain;base64,aGk=", "aGk=aGk=", "aGé="]
)
async def test_base64_that_is_none_is_refused(shop: Shop, text: str):
    assert told(await shop.send(media={"base64": text})) == (422, "validation_failed", ["/media/base64"])
    await shop.nothing_stays()


async def test_what_is_too_large_is_told_with_the_way_out(shop: Shop):
    large = base64.b64encode(bytes(IN_JSON + 100)).decode()
    answer = await shop.send(media={"base64": large})
    assert told(answer) == (413, "file_too_large", ["/media/base64"])
    assert "multipart/form-data" in answer.json()["detail"]
    for headers in ({}, {"Idempotency-Key": "large"}):
        answer = await shop.send(headers, media={"base64": large + large[: MIB + MIB]})
        assert told(answer) == (413, "body_too_large", [])
        assert "multipart/form-data" in answer.json()["detail"]
    image = ("file", ("a.jpg", bytes(HANDED_IN[FileKind.IMAGE] + 1), "image/jpeg"))
    assert told(await shop.form(image, type="image")) == (413, "file_too_large", ["/file"])
    assert told(await shop.form(("file", ("a", b"")))) == (422, "validation_failed", ["/file"])
    announced = {"Content-Length": str(LARGEST * 2), "Content-Type": "multipart/form-data; boundary=b"}
    answer = await shop.person.call("POST", SENDS, content=b"--b--", headers=announced)
    assert told(answer) == (413, "body_too_large", [])
    await shop.nothing_stays()


async def test_a_form_that_is_none_is_refused_where_it_is_wrong(shop: Shop):
    wrong = 422, "validation_failed"
    assert told(await shop.form(("other", (None, "x")))) == (*wrong, ["/other"])
    message = ("message", (None, "{}"))
    assert told(await shop.form(message)) == (*wrong, ["/file"])
    assert told(await shop.form(FILE, FILE)) == (*wrong, ["/file"])
    assert told(await shop.form(message, message, FILE)) == (*wrong, ["/message"])
    assert told(await shop.form(FILE, bare=True)) == (*wrong, ["/message"])
    assert told(await shop.form(("message", (None, "no json")), FILE))[:2] == (400, "malformed_request")
    assert told(await shop.form(message, FILE)) == (*wrong, ["/to"])
    forms = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await shop.person.call("POST", SENDS, content=b"to=1&text=2", headers=forms)
    assert told(answer) == (415, "unsupported_media_type", [])
    await shop.nothing_stays()


async def test_a_url_is_fetched_from_public_servers_alone(shop: Shop):
    # Of an address that is let through, but for where our own servers stand.
    own = f"http://127.0.0.1:{urlsplit(run_folder.servers()['redis']).port}/"
    private = (f"http://{PRIVATE}/", "http://169.254.169.254/latest/meta-data", "http://[::1]/")
    for url in (*private, "http://10.0.0.1/", own):
        answer = await shop.send(media={"url": url})
        assert told(answer) == (422, "url_forbidden", ["/media/url"]), url
        assert answer.json()["retryable"] is False
    for url in ("ftp://example.com/a", "no url", "http://user:word@example.com/"):
        assert told(await shop.send(media={"url": url})) == (422, "url_invalid", ["/media/url"]), url
    await shop.nothing_stays()


async def test_what_a_server_of_a_url_does_wrong_is_told(shop: Shop):
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/moved":
            raise web.HTTPFound("http://127.0.0.1/")
        if request.path == "/much":
            return web.Response(body=bytes(HANDED_IN[FileKind.STICKER] + 1))
        if request.path == "/empty":
            return web.Response(body=b"")
        raise web.HTTPNotFound

    async with site(answer) as server:

        async def code(path: str, **body: Any) -> tuple[int, str, list[str]]:
            media = {"url": f"http://127.0.0.1:{server.port}{path}"}
            return told(await shop.send(media=media, **body))

        assert await code("/none") == (422, "url_bad_status", ["/media/url"])
        assert await code("/moved") == (422, "url_redirects", ["/media/url"])
        assert await code("/much", type="sticker") == (422, "url_too_large", ["/media/url"])
        assert await code("/empty") == (422, "validation_failed", ["/media/url"])
    await shop.nothing_stays()


async def test_what_is_refused_after_its_file_was_stored_takes_the_file_along(shop: Shop):
    answer = await shop.send(media={"base64": BASE64}, replyTo="msg-nothing")
    assert told(answer) == (422, "validation_failed", ["/replyTo"])
    limits = {"messagesPerDay": 0, "requestsPerMinute": 1000}
    await shop.fleet.people.change(shop.person, limit_overrides=limits)
    assert (await shop.form(FILE)).json()["code"] == "tier_limit_reached"
    await shop.nothing_stays()


async def test_a_file_goes_out_by_its_key_which_nobody_is_shown(shop: Shop):
    name = "../../etc/\u202egpj.exe\x00\n"
    answer = await shop.send(media={"base64": BASE64, "fileName": name, "contentType": "Text/Plain; q=1"})
    assert answer.status_code == 201, answer.text
    (wish,), (kept,) = shop.wishes, shop.stored()
    content = wish["content"]
    assert kept.read_bytes() == DATA
    assert shop.folder / content["key"] == kept
    assert (content["kind"], content["size"], content["mimetype"]) == ("document", len(DATA), "text/plain")
    assert content["file_name"] == "gpj.exe"
    message = (await shop.person.call("GET", f"/v1/messages/{answer.json()['id']}")).json()
    assert message["media"]["status"] == "kept"
    assert (message["media"]["size"], message["media"]["contentType"]) == (len(DATA), "text/plain")
    assert content["key"] not in json.dumps(message)
    link = await shop.fleet.replica.client.get(message["media"]["url"])
    assert link.content == DATA
    assert link.headers["content-disposition"].startswith("attachment")
    async with shop.fleet.replica.parts.database.system(SystemSite.SENDING) as db:
        assert (await db.scalars(select(FileRemoval))).all() == []


async def test_what_the_worker_finds_wrong_is_told_and_the_file_is_kept(shop: Shop):
    words = "An image can be made of JPEG and of nothing else."
    code = "file_type_not_supported"
    shop.answer = CommandAnswer(outcome=Outcome.REFUSED, words=words, code=code)
    answer = await shop.form(FILE, type="image", caption="look")
    assert told(answer) == (422, "file_refused", ["/media"])
    assert (answer.json()["detail"], answer.json()["errors"][0]["detail"]) == (words, code)
    (message,) = (await shop.person.call("GET", SENDS)).json()["items"]
    assert (message["status"], message["error"], message["text"]) == ("failed", words, "look")
    assert message["media"]["status"] == "kept"
    assert len(shop.stored()) == 1


async def test_the_same_form_twice_sends_once_whatever_its_boundary(shop: Shop):
    once = {"Idempotency-Key": "once"}
    first = await shop.form(FILE, headers=once)
    second = await shop.form(FILE, headers=once)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.request.headers["content-type"] != second.request.headers["content-type"]
    assert second.json()["id"] == first.json()["id"]
    other = await shop.form(("file", ("a.txt", DATA + b"!", "text/plain")), headers=once)
    assert told(other)[:2] == (422, "idempotency_key_reused")
    assert (len(shop.stored()), len(shop.wishes)) == (1, 1)
