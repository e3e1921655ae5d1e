"""What every request meets: ids, headers, sizes, bad input, health, the document and its page."""

import json
import logging

import asyncpg
import pytest

from control_plane.accounts.service import ApiKeys
from control_plane.db import migrations
from tests import run_folder
from tests.factories import People, Person
from tests.replica import Replica


async def test_every_answer_has_a_request_id_and_the_security_headers(replica: Replica):
    for path in ("/health/live", "/nowhere", "/v1/users/me", "/openapi.json"):
        headers = (await replica.client.get(path)).headers
        assert headers["x-request-id"].startswith("req-")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "content-security-policy" in headers
        assert "strict-transport-security" in headers


async def test_a_request_id_of_the_client_is_kept_when_it_is_harmless(replica: Replica):
    given = "my-trace-0123456789"
    answer = await replica.client.get("/nowhere", headers={"X-Request-Id": given})
    assert answer.headers["x-request-id"] == given
    assert answer.json()["requestId"] == given
    for bad in ("x", "a" * 65, "new line", "<script>"):
        answer = await replica.client.get("/nowhere", headers={"X-Request-Id": bad})
        assert answer.headers["x-request-id"] != bad


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/v1/%2e%2e/%2e%2e/etc/passwd", 404, "not_found"),
        ("PUT", "/v1/users/me", 405, "method_not_allowed"),
        ("GET", "/v1/users/me", 401, "unauthorized"),
        ("GET", "/docs/secrets.py", 404, "not_found"),
        ("GET", "/docs/..%2f..%2fsettings.py", 404, "not_found"),
    ],
)
async def test_a_refusal_is_a_problem_document(replica: Replica, method, path, status, code):
    answer = await replica.client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == code
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b'{"name": "\xff"}',
        b'{"name": "\\ud800"}',
        b"[" * 100_000,
        b'{"name": 1e999999}',
        b'{"name": "a\\u0000b", "scopes": 5}',
    ],
)
async def test_a_body_that_is_no_good_is_refused(people: People, body: bytes):
    person = await people()
    headers = {"Content-Type": "application/json"}
    for more in ({}, {"Idempotency-Key": "k"}):
        answer = await person.call("POST", "/v1/api-keys", content=body, headers=headers | more)
        assert answer.status_code in {400, 422}, answer.text
        assert answer.json()["code"] in {"malformed_request", "validation_failed"}


async def test_a_body_of_another_type_is_read_as_json_or_refused(people: People):
    person = await people()
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"):
        answer = await person.call(
            "POST", "/v1/api-keys", content=b"name=x", headers={"Content-Type": content_type}
        )
        assert answer.status_code in {400, 415, 422}, content_type


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "big"}])
async def test_a_huge_body_is_refused(people: People, headers: dict[str, str]):
    person = await people()
    body = json.dumps({"name": "x" * 2_000_000}).encode()
    answer = await person.call(
        "POST", "/v1/api-keys", content=body, headers=headers | {"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")

    async def in_pieces():
        for _ in range(40):
            yield b"x" * 65_536

    answer = await person.call("POST", "/v1/api-keys", content=in_pieces(), headers=headers)
    assert answer.status_code == 413


async def test_a_nul_character_is_refused_and_not_a_fault(people: People):
    person = await people()
    answer = await person.call("POST", "/v1/api-keys", json={"name": "a\x00b"})
    assert answer.status_code == 422, answer.text


async def test_a_fault_of_ours_is_recorded_and_told_without_details(people: People, monkeypatch):
    async def broken(*_: object) -> None:
        raise RuntimeError("password=open-sesame in the message")

    person = await people()
    monkeypatch.setattr(ApiKeys, "create", broken)
    answer = await person.call("POST", "/v1/api-keys", json={"name": "x"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "sesame" not in answer.text
    logged = (run_folder.logs() / f"{run_folder.process_name()}.log").read_text()
    (line,) = [
        line for line in logged.splitlines() if answer.json()["requestId"] in line and "failed" in line
    ]
    assert "RuntimeError" in line
    assert "sesame" not in line


async def test_the_access_log_names_the_method_of_authentication(people: People):
    person = await people()
    key = (await person.new_key())["key"]
    ids = {}
    for method, bearer in (("jwt", None), ("api_key", key), ("none", "")):
        answer = await person.call("GET", "/v1/whoami", bearer=bearer)
        ids[answer.headers["x-request-id"]] = method
    logged = (run_folder.logs() / f"{run_folder.process_name()}.log").read_text().splitlines()
    lines = [json.loads(line) for line in logged if '"event": "request"' in line]
    seen = {line["request_id"]: line["auth"] for line in lines if line["request_id"] in ids}
    assert seen == ids
    assert logging.getLogger().handlers


async def test_health_tells_each_part(replica: Replica):
    assert (await replica.client.get("/health/live")).json() == {"status": "up"}
    ready = await replica.client.get("/health/ready")
    assert (ready.status_code, ready.json()["checks"]["database"]["status"]) == (200, "up")
    health = (await replica.client.get("/health")).json()
    assert health["status"] == "up"
    assert set(health["checks"]) == {"database", "redis"}
    assert set(health["queues"]["mail"]) == {"waiting", "active", "delayed"}


async def test_without_a_database_it_lives_and_is_not_ready(start_replica):
    lost = await start_replica(WAYPOST_DATABASE_URL="postgresql://waypost:secretword@127.0.0.1:1/waypost")
    assert (await lost.client.get("/health/live")).status_code == 200
    ready = await lost.client.get("/health/ready")
    assert ready.status_code == 503
    assert "secretword" not in ready.text
    answer = await Person(lost).log_in()
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert answer.headers["retry-after"] == "2"
    assert (await lost.client.get("/metrics")).status_code == 200


async def test_what_is_down_is_told_by_name_and_without_the_words_of_its_driver(start_replica):
    lost = await start_replica(WAYPOST_DATABASE_URL="postgresql://waypost:secretword@127.0.0.1:1/waypost")
    report = await lost.client.get("/health")
    assert report.status_code == 503
    assert report.json()["status"] == "down"
    assert report.json()["queues"] is None
    detail = report.json()["checks"]["database"]["detail"]
    assert detail.isidentifier(), detail


async def test_a_database_without_a_schema_is_not_ready(start_replica, empty_database_url):
    early = await start_replica(WAYPOST_DATABASE_URL=empty_database_url)
    ready = await early.client.get("/health/ready")
    assert ready.status_code == 503


async def test_a_database_of_another_release_is_not_ready(start_replica, empty_database_url):
    await migrations.migrate(empty_database_url)
    replica = await start_replica(WAYPOST_DATABASE_URL=empty_database_url)
    assert (await replica.client.get("/health/ready")).status_code == 200
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute("UPDATE alembic_version SET version_num = 'another'")
    await connection.close()
    ready = await replica.client.get("/health/ready")
    assert ready.status_code == 503
    assert ready.json()["checks"]["database"]["detail"] == "waits for migrations"


async def test_the_metrics_count_requests_and_can_be_closed(replica: Replica, start_replica):
    await replica.client.get("/nowhere")
    text = (await replica.client.get("/metrics")).text
    assert 'waypost_http_requests_total{method="GET",route="unmatched",status="404"}' in text
    closed = await start_replica(WAYPOST_METRICS_TOKEN="a-token-for-prometheus")
    assert (await closed.client.get("/metrics")).status_code == 401
    headers = {"Authorization": "Bearer a-token-for-prometheus"}
    assert (await closed.client.get("/metrics", headers=headers)).status_code == 200


async def test_odd_methods_do_not_grow_the_metrics(replica: Replica):
    for number in range(20):
        await replica.client.request(f"ODD{number}", "/nowhere")
    text = (await replica.client.get("/metrics")).text
    assert "ODD" not in text


async def test_origins_are_allowed_by_setting_only(replica: Replica, start_replica):
    origin = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "GET"}
    closed = await replica.client.options("/v1/whoami", headers=origin)
    assert "access-control-allow-origin" not in closed.headers
    opened = await start_replica(WAYPOST_CORS_ORIGINS="https://app.example.com")
    allowed = await opened.client.options("/v1/whoami", headers=origin)
    assert allowed.headers["access-control-allow-origin"] == "https://app.example.com"
    other = origin | {"Origin": "https://evil.example.com"}
    refused = await opened.client.options("/v1/whoami", headers=other)
    assert refused.headers.get("access-control-allow-origin") != "https://evil.example.com"


async def test_the_document_describes_every_route(replica: Replica):
    document = (await replica.client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert {"/v1/auth/register", "/v1/api-keys", "/v1/users/me", "/health"} <= set(document["paths"])
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation.get("summary"), f"{method} {path} has no summary"


async def test_the_page_loads_nothing_from_elsewhere(replica: Replica):
    page = await replica.client.get("/docs")
    assert page.status_code == 200
    assert "http" not in page.text.replace("https://app.example", "")
    assert "'unsafe-eval'" not in page.headers["content-security-policy"]
    for name in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js", "favicon-32x32.png"):
        file = await replica.client.get(f"/docs/{name}")
        assert file.status_code == 200
        assert len(file.content) > 100
