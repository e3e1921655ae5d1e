"""What the OpenAPI document says about the requests that we send: one for each type of event."""

from litestar.openapi.spec import (
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    Parameter,
    PathItem,
    Reference,
    RequestBody,
    Schema,
)
from litestar.openapi.spec.enums import OpenAPIType

from control_plane.events.schemas import EventType
from control_plane.webhooks.pings import PING

_TEXT = Schema(type=OpenAPIType.STRING)
# Stands in the document because the answer that shows one delivery holds it.
_ENVELOPE = Reference(ref="#/components/schemas/Envelope")
_DESCRIPTION = (
    "Verify the signature with a library of Standard Webhooks over the very bytes of the body, and answer 2xx"
    " within 15 seconds. The same webhook-id may come again: do its work once."
)
_ALWAYS = {
    "webhook-id": "The id of the event: the same for each try and for a replay",
    "webhook-timestamp": "When this try was made, in seconds since 1970",
    "webhook-signature": "v1 and the base64 of an HMAC-SHA256; two of them after a rotation of the secret",
}
_WITH_KEY = {
    "X-Webhook-Hmac": "SHA-512 of the body with your hmacKey, in hexadecimal, where you gave one",
    "X-Webhook-Hmac-Algorithm": "sha512",
}


def described_webhooks() -> dict[str, PathItem | Reference]:
    return {name: PathItem(post=_operation(name)) for name in (*EventType, PING)}


def _operation(name: str) -> Operation:
    of_type = Schema(type=OpenAPIType.OBJECT, properties={"type": Schema(const=str(name))})
    body = Schema(all_of=[_ENVELOPE, of_type])
    return Operation(
        operation_id=f"Webhook{name.title().replace('.', '').replace('_', '')}",
        tags=["Webhooks"],
        summary=f"The event {name}" if name != PING else "What POST /v1/webhooks/{webhook_id}/test sends",
        description=_DESCRIPTION,
        parameters=[
            Parameter(name=header, param_in="header", required=required, schema=_TEXT, description=words)
            for headers, required in ((_ALWAYS, True), (_WITH_KEY, False))
            for header, words in headers.items()
        ],
        request_body=RequestBody({"application/json": OpenAPIMediaType(body)}, required=True),
        responses={
            "2XX": OpenAPIResponse("Taken. The content of the answer means nothing."),
            "410": OpenAPIResponse("Not wanted any more: the webhook is disabled, and its owner is told."),
            "default": OpenAPIResponse("Tried again later; a Retry-After is honoured."),
        },
        security=[],
    )
