"""The network's demand for a passkey in the middle of a pairing. Nobody on this network can meet it."""

import json

from worker.sandbox.chance import Chance
from worker.sandbox.clock import Clock
from worker.sandbox.correspondence import new_message_id
from worker.sandbox.wire.jids import SERVER
from worker.sandbox.wire.nodes import Node, node


def request(clock: Clock, chance: Chance) -> Node:
    attrs = {
        "from": SERVER,
        "type": "passkey_prologue_request",
        "id": new_message_id(chance),
        "t": clock.seconds(),
    }
    return node("notification", attrs, [options(chance)])


def options(chance: Chance) -> Node:
    """As a browser takes them: WebAuthn's options for a request, as JSON."""
    wanted = {
        "challenge": chance.token(32),
        "timeout": 60_000,
        "rpId": "whatsapp.com",
        "allowCredentials": [
            {"type": "public-key", "id": chance.token(16), "transports": ["hybrid", "internal"]},
        ],
        "userVerification": "required",
    }
    return node("passkey_request_options", content=json.dumps(wanted).encode())
