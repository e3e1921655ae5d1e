"""What the OpenAPI document says of files that go out."""

import pytest

from shared.contracts.messages import FileKind
from tests.replica import Replica

ROUTES = ("/v1/messages", "/v1/sessions/{session_id}/messages")


@pytest.mark.parametrize("path", ROUTES)
async def test_every_kind_of_file_can_be_sent_as_json_and_as_a_form(replica: Replica, path: str):
    document = (await replica.client.get("/openapi.json")).json()
    operation = document["paths"][path]["post"]
    content = operation["requestBody"]["content"]
    form = content["multipart/form-data"]["schema"]
    assert set(form["required"]) == set(form["properties"]) == {"message", "file"}
    assert form["properties"]["message"] == content["application/json"]["schema"]
    schemas = document["components"]["schemas"]
    named = [one["$ref"].rpartition("/")[2] for one in content["application/json"]["schema"]["oneOf"]]
    kinds = {str(schemas[name]["properties"]["type"].get("const")) for name in named}
    assert {kind.value for kind in FileKind} <= kinds, kinds
    assert "16 MiB" in operation["description"]
    assert "415" in operation["responses"]
