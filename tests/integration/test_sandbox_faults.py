"""Faults of sandbox sessions at the edge: who may make them, which there are, and what they need."""

import uuid
from typing import Any

import pytest

from tests.factories import People, Person
from tests.fleet_client import Fleet, qr

KINDS = [
    "disconnect",
    "replaced",
    "logged_out",
    "banned",
    "outdated",
    "deaf",
    "slow",
    "drop_ack",
    "limited",
    "stream_error",
    "failure",
    "passkey",
    "forged",
]


async def new_session(person: Person, name: str, *, sandbox: bool = True) -> str:
    answer = await person.call("POST", "/v1/sessions", json={"name": name, "sandbox": sandbox})
    return str(answer.json()["id"])


def path(session: str) -> str:
    return f"/v1/sandbox/sessions/{session}/faults"


@pytest.mark.parametrize("kind", ["earthquake", "", "Deaf", "deaf ", None, 3, ["deaf"], {"deaf": 1}])
async def test_a_kind_that_there_is_not_is_refused_with_those_that_there_are(people: People, kind: Any):
    person = await people()
    await new_session(person, "toy")
    for body in ({"kind": kind}, {}):
        answer = await person.call("POST", path("toy"), json=body)
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (422, "validation_failed")
        assert problem["errors"][0]["pointer"] == "/kind"
        assert problem["detail"].endswith(f"are: {', '.join(KINDS)}.")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"kind": "slow"}, "/delay"),
        ({"kind": "slow", "delay": 0}, "/delay"),
        ({"kind": "slow", "delay": -1}, "/delay"),
        ({"kind": "slow", "delay": 601}, "/delay"),
        ({"kind": "slow", "delay": 1e300}, "/delay"),
        ({"kind": "slow", "delay": "nan"}, "/delay"),
        ({"kind": "slow", "delay": "inf"}, "/delay"),
        ({"kind": "slow", "delay": None}, "/delay"),
        ({"kind": "banned", "seconds": -1}, "/seconds"),
        ({"kind": "banned", "seconds": 2**31}, "/seconds"),
        ({"kind": "banned", "code": 0}, "/code"),
        ({"kind": "stream_error", "code": 10_000}, "/code"),
        ({"kind": "failure", "code": 1.5}, "/code"),
        ({"kind": "deaf", "delay": 1}, "/delay"),
        ({"kind": "passkey", "code": "2@somebody"}, "/code"),
    ],
)
async def test_a_parameter_that_cannot_be_is_named(people: People, body: dict[str, Any], pointer: str):
    person = await people()
    await new_session(person, "toy")
    answer = await person.call("POST", path("toy"), json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert answer.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 5000])
async def test_what_is_no_object_is_refused(people: People, body: bytes):
    person = await people()
    await new_session(person, "toy")
    headers = {"Content-Type": "application/json"}
    answer = await person.call("POST", path("toy"), content=body, headers=headers)
    assert answer.status_code in {400, 422}, answer.text


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in {"passkey", "forged"}])
async def test_a_fault_of_a_device_needs_one(people: People, kind: str):
    person = await people()
    await new_session(person, "toy")
    body = {"kind": kind, **({"delay": 1} if kind == "slow" else {})}
    answer = await person.call("POST", path("toy"), json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "session_not_connected")
    assert "scan" in answer.json()["detail"]


@pytest.mark.parametrize("kind", ["passkey", "forged"])
async def test_a_fault_of_a_pairing_needs_a_code_that_is_shown(people: People, kind: str):
    person = await people()
    await new_session(person, "toy")
    answer = await person.call("POST", path("toy"), json={"kind": kind})
    assert (answer.status_code, answer.json()["code"]) == (404, "no_qr")
    assert "Connect it first" in answer.json()["detail"]


async def test_a_code_of_an_earlier_attempt_is_no_pairing_to_strike(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person, sandbox=True)
    await worker.tell(session, 1, qr("2@earlier"))
    await fleet.worker()
    await fleet.take_over(worker)
    answer = await person.call("POST", path(session), json={"kind": "passkey"})
    assert (answer.status_code, answer.json()["code"]) == (404, "no_qr")


async def test_without_an_emulated_network_it_is_said_so(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person, sandbox=True)
    await worker.tell(session, 1, qr())
    for method, body in (("POST", {"kind": "passkey"}), ("POST", {"kind": "outdated"}), ("DELETE", None)):
        answer = await person.call(method, path(session), json=body)
        assert (answer.status_code, answer.json()["code"]) == (503, "sandbox_unavailable")


async def test_where_nothing_lasts_there_is_nothing_to_heal(people: People):
    person = await people()
    await new_session(person, "toy")
    assert (await person.call("DELETE", path("toy"))).status_code == 204


async def test_only_own_sandbox_sessions_have_faults(people: People):
    owner, stranger = await people(), await people()
    key = (await owner.new_key(mode="test"))["key"]
    foreign = await new_session(stranger, "toy")
    await new_session(owner, "real", sandbox=False)
    for method, body in (("POST", {"kind": "deaf"}), ("DELETE", None)):
        for session, bearer in (
            ("real", None),
            ("real", key),
            (foreign, None),
            (f"ses-{uuid.uuid4()}", None),
        ):
            answer = await owner.call(method, path(session), json=body, bearer=bearer)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), session


async def test_the_document_tells_each_fault_and_its_parameters(people: People):
    person = await people()
    document = (await person.call("GET", "/openapi.json")).json()
    call = document["paths"]["/v1/sandbox/sessions/{session_id}/faults"]["post"]
    forms = call["requestBody"]["content"]["application/json"]["schema"]["oneOf"]
    schemas = [document["components"]["schemas"][form["$ref"].rpartition("/")[2]] for form in forms]
    assert [schema["properties"]["kind"]["const"] for schema in schemas] == KINDS
    slow = schemas[KINDS.index("slow")]
    assert slow["required"] == ["delay", "kind"]
    assert slow["properties"]["delay"]["maximum"] == 600
