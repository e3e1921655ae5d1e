"""The OpenAPI document is valid, complete, and true about who may call what."""

import pytest
from openapi_spec_validator import validate

from control_plane.errors import Code
from tests.factories import People, Person
from tests.replica import Replica


@pytest.fixture
async def document(replica: Replica):
    return (await replica.client.get("/openapi.json")).json()


def operations(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


async def test_the_document_is_a_valid_openapi_3_1_document(document):
    assert document["openapi"].startswith("3.1")
    validate(document)


async def test_every_operation_has_what_a_reader_needs(document):
    names = set()
    for method, path, operation in operations(document):
        where = f"{method} {path}"
        assert operation["summary"], where
        assert operation["description"], where
        assert operation["tags"], where
        assert operation["operationId"] not in names, where
        names.add(operation["operationId"])


async def test_what_the_document_calls_private_refuses_strangers_and_nothing_else_does(
    replica: Replica, document
):
    for method, path, operation in operations(document):
        concrete = path.replace("{key_id}", "key-x").replace("{user_id}", "usr-x")
        stranger = Person(replica)
        status = (await stranger.call(method, concrete, json={})).status_code
        assert (status == 401) == bool(operation["security"]), f"{method} {path} answered {status}"


async def test_every_code_of_an_error_is_in_the_document(document):
    listed = document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
    assert set(listed) == {code.code for code in Code}


async def test_a_post_that_creates_says_that_it_takes_an_idempotency_key(document):
    for method, path, operation in operations(document):
        named = {parameter["name"] for parameter in operation.get("parameters", [])}
        assert ("Idempotency-Key" in named) == (
            method == "POST" and bool(operation["security"]) and "Workers" not in operation["tags"]
        ), path


async def test_an_answer_has_the_fields_that_the_document_tells(document, people: People):
    person = await people()
    answer = (await person.call("GET", "/v1/whoami")).json()
    reference = document["paths"]["/v1/whoami"]["get"]["responses"]["200"]["content"]
    name = reference["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert set(answer) == set(document["components"]["schemas"][name]["properties"])


async def test_these_calls_are_open_to_everybody_and_no_others(document):
    """A list of its own, because the document and the routes come from the same rule."""
    opened = {
        f"{method} {path}" for method, path, operation in operations(document) if not operation["security"]
    }
    assert opened == {
        "GET /health",
        "GET /v1/media/{token}",
        "GET /v1/events/ws",
        "GET /health/live",
        "GET /health/ready",
        "GET /metrics",
        "POST /v1/auth/forgot-password",
        "POST /v1/auth/login",
        "POST /v1/auth/refresh",
        "POST /v1/auth/register",
        "POST /v1/auth/reset-password",
    }


async def test_the_socket_is_told_with_its_upgrade_and_its_ticket(document):
    socket = document["paths"]["/v1/events/ws"]["get"]
    assert {"101", "426"} <= socket["responses"].keys()
    assert {parameter["name"] for parameter in socket["parameters"]} == {"ticket", "after"}
    answer = document["paths"]["/v1/events/tickets"]["post"]["responses"]["201"]["content"]
    name = answer["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert set(document["components"]["schemas"][name]["properties"]) == {"ticket", "expiresIn", "url"}
