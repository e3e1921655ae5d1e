"""Questions in GraphQL. Their numbers change with the releases of clients, their variables do not."""

import json
from typing import TYPE_CHECKING, Any

from worker.sandbox import stanzas
from worker.sandbox.connection import Connection
from worker.sandbox.queries.asking import device_of
from worker.sandbox.wire.errors import WireError
from worker.sandbox.wire.nodes import Node, node

if TYPE_CHECKING:
    from worker.sandbox.network import Network


def answer(network: "Network", connection: Connection, query: Node) -> Node:
    variables = _variables(query.data("query"))
    wish = variables.get("input")
    if isinstance(wish, dict) and isinstance(wish.get("text"), str):
        number = device_of(connection).number
        profile = network.profiles.of(number)
        profile.about = wish["text"]
        network.profiles.save(number, profile)
        return _told(query, {"xwa2_update_text_status": {"result": "SUCCESS"}})
    if not variables:
        # There are no channels on this network, so nobody follows any.
        return _told(query, {"xwa2_newsletter_subscribed": []})
    return stanzas.refused(query, 404, "item-not-found")


def _told(query: Node, data: dict[str, Any]) -> Node:
    return stanzas.result(query, [node("result", content=json.dumps({"data": data}).encode())])


def _variables(content: bytes) -> dict[str, Any]:
    try:
        variables = json.loads(content)["variables"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise WireError("a question that is not JSON with variables") from error
    if not isinstance(variables, dict):
        raise WireError("a question whose variables have no names")
    return variables
