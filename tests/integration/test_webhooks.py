"""Endpoints of customers: made within the limit of the tier, shown without secrets, changed, deleted."""

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from control_plane.db.engine import SystemSite
from control_plane.events.places import Place
from control_plane.events.repository import FleetEvents
from control_plane.events.schemas import EventType
from control_plane.http.principal import Scope
from control_plane.tiers.limits import LIMITS, Tier
from control_plane.webhooks.models import Webhook, WebhookDelivery
from control_plane.webhooks.secrets import Secrets, is_secret
from shared.ids import new_uuid, parse_public_id
from tests.factories import People, Person
from tests.replica import Replica
from tests.webhooks import URL, ask_for, new_session, new_webhook, pointers

OWN_SECRET = "whsec_" + base64.b64encode(b"a secret of their own, long enough").decode()
NOBODYS = "whk-00000000-0000-7000-8000-000000000000"


async def stored(replica: Replica, webhook: dict[str, Any]) -> Webhook:
    async with replica.parts.database.system(SystemSite.ADMIN) as db:
        query = select(Webhook).where(Webhook.id == parse_public_id("whk", webhook["id"]))
        return (await db.scalars(query)).one()


async def change_row(replica: Replica, webhook: dict[str, Any], **values: Any) -> None:
    async with replica.parts.database.system(SystemSite.ADMIN) as db:
        change = update(Webhook).where(Webhook.id == parse_public_id("whk", webhook["id"]))
        await db.execute(change.values(**values))


async def change(person: Person, webhook: dict[str, Any], **body: Any) -> dict[str, Any]:
    answer = await person.call("PATCH", f"/v1/webhooks/{webhook['id']}", json=body)
    assert answer.status_code == 200, answer.text
    view: dict[str, Any] = answer.json()
    return view


async def test_the_secret_is_shown_once_and_stored_sealed(replica: Replica, people: People):
    person = await people()
    headers = {"Authorization": "Bearer canary-of-theirs", "X-Shop": "canary-shop"}
    created = await new_webhook(person, headers=headers, hmacKey="canary-hmac-key", description="my shop")
    secret = created.pop("secret")
    assert is_secret(secret)
    assert created["headerNames"] == ["Authorization", "X-Shop"]
    assert created["hasHmacKey"] is True
    shown = (await person.call("GET", f"/v1/webhooks/{created['id']}")).json()
    listed = (await person.call("GET", "/v1/webhooks")).json()
    assert shown == created
    assert listed == {"items": [created], "nextCursor": None}
    for hidden in (secret, "canary"):
        assert hidden not in str([created, shown, listed])
    row = await stored(replica, created)
    for sealed in (row.sealed_secret, row.sealed_headers, row.sealed_hmac_key):
        assert sealed is not None
        assert b"canary" not in sealed
    secrets = Secrets(replica.parts.keyring)
    assert secrets.open_secret(row.id, row.sealed_secret) == secret
    assert secrets.open_headers(row.id, row.sealed_headers or b"") == headers
    assert secrets.open_hmac_key(row.id, row.sealed_hmac_key or b"") == "canary-hmac-key"


async def test_a_repetition_with_the_same_key_makes_no_second_one_and_hides_the_secret(people: People):
    person = await people()
    answers = [
        await person.call(
            "POST", "/v1/webhooks", json={"url": URL}, headers={"Idempotency-Key": "my-webhook"}
        )
        for _ in range(2)
    ]
    first, second = (answer.json() for answer in answers)
    assert [answer.status_code for answer in answers] == [201, 201]
    assert second == first | {"secret": None}
    assert answers[0].headers["location"] == f"/v1/webhooks/{first['id']}"
    assert len((await person.call("GET", "/v1/webhooks")).json()["items"]) == 1


async def test_it_begins_at_the_present_end_of_the_log(replica: Replica, people: People):
    person = await people()
    database = replica.parts.database
    async with database.system(SystemSite.EVENT_TAIL) as db:
        before = await FleetEvents(db).now()
    row = await stored(replica, await new_webhook(person))
    async with database.system(SystemSite.EVENT_TAIL) as db:
        after = await FleetEvents(db).now()
    assert before <= Place(row.xid, row.position) <= after
    assert row.xid > 0


async def test_a_new_one_has_no_figures_yet_and_tells_everything(people: People):
    created = await new_webhook(await people())
    assert (created["url"], created["events"], created["sessionIds"]) == (URL, None, None)
    assert (created["enabled"], created["disabledReason"], created["onlySandbox"]) == (True, None, False)
    assert [created[name] for name in ("delivered", "failed", "pending")] == [0, 0, 0]
    for name in ("successRate", "lastDeliveredAt", "failingSince", "oldestPendingSeconds", "oldSecretUntil"):
        assert created[name] is None


async def test_the_figures_are_those_of_the_endpoint(replica: Replica, people: People):
    person = await people()
    webhook, other = await new_webhook(person), await new_webhook(person)
    since = datetime(2026, 1, 2, tzinfo=UTC)
    await change_row(replica, webhook, delivered=3, failed=1, last_delivered_at=since, failing_since=since)
    row = await stored(replica, webhook)
    async with replica.parts.database.system(SystemSite.ADMIN) as db:
        for status, age in (("pending", 90), ("pending", 30), ("delivered", 500), ("failed", 500)):
            made = datetime.now(UTC) - timedelta(seconds=age)
            db.add(
                WebhookDelivery(
                    user_id=row.user_id,
                    webhook_id=row.id,
                    event_id=new_uuid(),
                    status=status,
                    created_at=made,
                )
            )
    listed = (await person.call("GET", "/v1/webhooks")).json()["items"]
    shown = next(each for each in listed if each["id"] == webhook["id"])
    assert (shown["delivered"], shown["failed"], shown["pending"], shown["successRate"]) == (3, 1, 2, 0.75)
    assert (shown["lastDeliveredAt"], shown["failingSince"]) == ("2026-01-02T00:00:00Z",) * 2
    assert 90 <= shown["oldestPendingSeconds"] < 150
    assert next(each for each in listed if each["id"] == other["id"])["pending"] == 0


async def test_filters_headers_and_words_are_changed_and_what_is_left_out_stays(
    replica: Replica, people: People
):
    person = await people()
    session = await new_session(person)
    webhook = await new_webhook(
        person, events=["message.received", "message.received"], sessionIds=[session], headers={"X-A": "1"}
    )
    assert (webhook["events"], webhook["sessionIds"]) == (["message.received"], [session])
    changed = await change(person, webhook, description="new words", headers={"X-B": "2", "X-C": "3"})
    assert (changed["description"], changed["headerNames"]) == ("new words", ["X-B", "X-C"])
    assert (changed["events"], changed["sessionIds"], changed["url"]) == (
        webhook["events"],
        [session],
        URL,
    )
    changed = await change(
        person, webhook, events=None, sessionIds=None, headers={}, hmacKey="a key of theirs"
    )
    assert (changed["events"], changed["sessionIds"], changed["headerNames"]) == (None, None, [])
    assert changed["hasHmacKey"] is True
    assert (await change(person, webhook, hmacKey=None))["hasHmacKey"] is False
    await change_row(replica, webhook, failing_since=datetime.now(UTC))
    moved = await change(person, webhook, url=URL + "/new")
    assert (moved["url"], moved["failingSince"]) == (URL + "/new", None)


async def test_a_deleted_session_stays_in_the_filter(people: People):
    person = await people()
    session = await new_session(person)
    webhook = await new_webhook(person, sessionIds=[session])
    assert (await person.call("DELETE", f"/v1/sessions/{session}")).status_code == 204
    assert (await person.call("GET", f"/v1/webhooks/{webhook['id']}")).json()["sessionIds"] == [session]


async def test_its_owner_disables_and_enables_it(replica: Replica, people: People):
    person = await people()
    webhook = await new_webhook(person)
    place = await stored(replica, webhook)
    off = await change(person, webhook, enabled=False)
    assert (off["enabled"], off["disabledReason"]) == (False, "owner")
    assert off["disabledAt"] is not None
    assert (await change(person, webhook, enabled=False))["disabledAt"] == off["disabledAt"]
    later = datetime.now(UTC) + timedelta(days=1)
    await change_row(
        replica, webhook, disabled_reason="failing", failing_since=datetime.now(UTC), due_at=later
    )
    async with replica.parts.database.system(SystemSite.ADMIN) as db:
        waits = WebhookDelivery(user_id=place.user_id, webhook_id=place.id, event_id=new_uuid(), due_at=later)
        db.add(waits)
    on = await change(person, webhook, enabled=True)
    assert (on["enabled"], on["disabledReason"], on["disabledAt"]) == (True, None, None)
    assert on["failingSince"] is None
    row = await stored(replica, webhook)
    assert (row.xid, row.position) == (place.xid, place.position)
    assert row.due_at <= datetime.now(UTC)
    async with replica.parts.database.system(SystemSite.ADMIN) as db:
        due = await db.scalar(select(WebhookDelivery.due_at).where(WebhookDelivery.id == waits.id))
    assert due is not None
    assert due <= datetime.now(UTC)


async def test_a_rotation_keeps_the_old_secret_for_a_day(replica: Replica, people: People):
    person = await people()
    webhook = await new_webhook(person, secret=OWN_SECRET)
    assert webhook["secret"] == OWN_SECRET
    path = f"/v1/webhooks/{webhook['id']}/rotate-secret"
    answer = await person.call("POST", path, headers={"Idempotency-Key": "rotate"})
    rotated = answer.json()
    assert answer.status_code == 200
    assert is_secret(rotated["secret"])
    assert rotated["secret"] != OWN_SECRET
    again = (await person.call("POST", path, headers={"Idempotency-Key": "rotate"})).json()
    assert again == rotated | {"secret": None}
    row, secrets = await stored(replica, webhook), Secrets(replica.parts.keyring)
    assert secrets.open_secret(row.id, row.sealed_secret) == rotated["secret"]
    assert secrets.open_secret(row.id, row.sealed_old_secret or b"") == OWN_SECRET
    until = datetime.fromisoformat(rotated["oldSecretUntil"])
    assert timedelta(hours=23, minutes=59) < until - datetime.now(UTC) <= timedelta(hours=24)
    await change_row(replica, webhook, old_secret_until=datetime.now(UTC) - timedelta(seconds=1))
    shown = (await person.call("GET", f"/v1/webhooks/{webhook['id']}")).json()
    assert shown["oldSecretUntil"] is None


async def test_a_tier_has_room_for_so_many_and_deleting_makes_room(people: People):
    person = await people(tier=Tier.BASIC)
    webhooks = [await new_webhook(person) for _ in range(LIMITS[Tier.BASIC].webhooks)]
    refused = await ask_for(person)
    assert (refused.status_code, refused.json()["code"]) == (403, "tier_limit_reached")
    assert (refused.json()["resource"], refused.json()["limit"]) == ("webhooks", 2)
    # Who is refused for another reason has used nothing.
    assert (await person.call("DELETE", f"/v1/webhooks/{webhooks[0]['id']}")).status_code == 204
    assert (await ask_for(person, sessionIds=["ses-00000000-0000-7000-8000-000000000000"])).status_code == 422
    await new_webhook(person)
    usage = (await person.call("GET", "/v1/users/me/usage")).json()
    assert usage["usage"]["webhooks"]["used"] == 2
    assert (await person.call("DELETE", f"/v1/webhooks/{webhooks[0]['id']}")).status_code == 404


async def test_the_room_is_not_overdrawn_at_the_same_moment(people: People):
    person = await people(tier=Tier.BASIC)
    answers = await asyncio.gather(*(ask_for(person) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201, 201, 403, 403, 403, 403]


async def test_pages_go_back_in_time(people: People):
    person = await people()
    made = [(await new_webhook(person, description=str(number)))["id"] for number in range(3)]
    seen: list[str] = []
    cursor: str | None = ""
    for _ in range(2):
        page = (await person.call("GET", "/v1/webhooks", params={"limit": "2", "cursor": cursor})).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["nextCursor"]
    assert (seen, cursor) == (made[::-1], None)


async def test_webhooks_of_others_look_like_ones_that_do_not_exist(people: People):
    person, stranger = await people(), await people()
    webhook = await new_webhook(person)
    for identity in (webhook["id"], NOBODYS, "whk-1", "x", webhook["id"].removeprefix("whk-")):
        for method, path, body in [
            ("GET", "", None),
            ("PATCH", "", {"enabled": False}),
            ("DELETE", "", None),
            ("POST", "/rotate-secret", None),
        ]:
            answer = await stranger.call(method, f"/v1/webhooks/{identity}{path}", json=body)
            assert (answer.status_code, answer.json()["detail"]) == (404, "No webhook with this id."), path
    assert (await stranger.call("GET", "/v1/webhooks")).json()["items"] == []
    assert (await person.call("GET", f"/v1/webhooks/{webhook['id']}")).json()["enabled"] is True


async def test_sessions_of_others_and_deleted_ones_are_refused(people: People):
    person, stranger = await people(), await people()
    own, foreign = await new_session(person), await new_session(stranger)
    webhook = await new_webhook(person)
    for ids, pointer in (([own, foreign], "/sessionIds"), (["shop"], "/sessionIds/0"), ([], "/sessionIds")):
        for answer in (
            await ask_for(person, sessionIds=ids),
            await person.call("PATCH", f"/v1/webhooks/{webhook['id']}", json={"sessionIds": ids}),
        ):
            assert (answer.status_code, pointers(answer)) == (422, [pointer])


async def test_a_test_key_reaches_webhooks_of_test_keys_alone(people: People):
    person = await people()
    key = (await person.new_key(mode="test"))["key"]
    live, toy = await new_webhook(person), await new_webhook(person, bearer=key)
    assert toy["onlySandbox"] is True
    listed = (await person.call("GET", "/v1/webhooks", bearer=key)).json()["items"]
    assert [item["id"] for item in listed] == [toy["id"]]
    assert len((await person.call("GET", "/v1/webhooks")).json()["items"]) == 2
    for method in ("GET", "DELETE"):
        answer = await person.call(method, f"/v1/webhooks/{live['id']}", bearer=key)
        assert answer.status_code == 404
    real = await new_session(person, "real", sandbox=False)
    answer = await ask_for(person, bearer=key, sessionIds=[real])
    assert (answer.status_code, pointers(answer)) == (422, ["/sessionIds"])
    assert (await person.call("DELETE", f"/v1/webhooks/{toy['id']}", bearer=key)).status_code == 204


async def test_a_key_needs_the_scope(people: People):
    person = await people()
    reader = (await person.new_key(scopes=[Scope.WEBHOOKS_READ]))["key"]
    writer = (await person.new_key(scopes=[Scope.WEBHOOKS_WRITE]))["key"]
    webhook = await new_webhook(person, bearer=writer)
    path = f"/v1/webhooks/{webhook['id']}"
    assert (await person.call("GET", path, bearer=reader)).status_code == 200
    for method, where in (("PATCH", path), ("DELETE", path), ("POST", f"{path}/rotate-secret")):
        answer = await person.call(method, where, bearer=reader, json={} if method == "PATCH" else None)
        assert (answer.status_code, answer.json()["requiredScope"]) == (403, "webhooks:write")
    answer = await person.call("GET", path, bearer=writer)
    assert (answer.status_code, answer.json()["requiredScope"]) == (403, "webhooks:read")


async def test_the_document_describes_what_is_sent(replica: Replica):
    document = (await replica.client.get("/openapi.json")).json()
    assert set(document["webhooks"]) == {*EventType, "webhook.test"}
    sent = document["webhooks"]["message.received"]["post"]
    envelope, of_type = sent["requestBody"]["content"]["application/json"]["schema"]["allOf"]
    assert of_type["properties"]["type"]["const"] == "message.received"
    named = document["components"]["schemas"][envelope["$ref"].rpartition("/")[2]]
    assert set(named["properties"]) == {"id", "type", "timestamp", "sessionId", "sequence", "data"}
    names = {parameter["name"] for parameter in sent["parameters"]}
    assert {"webhook-id", "webhook-timestamp", "webhook-signature"} <= names
