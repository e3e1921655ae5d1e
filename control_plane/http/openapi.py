"""What the OpenAPI document says beyond what the routes say by themselves."""

from typing import Any

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, License, PathItem, Reference, SecurityScheme, Tag

from control_plane.errors import PROBLEM_MEDIA_TYPE, Code
from control_plane.http.forms import FILE_PART, FORM, MESSAGE_PART
from control_plane.http.principal import ANY_KEY, Access, Scope, access_of
from shared.files.errors import readable_size
from shared.files.limits import IN_JSON, LARGEST

_DESCRIPTION = """\
Waypost sends and receives WhatsApp messages for you.

Every credential travels as `Authorization: Bearer …`: an access token of `POST /v1/auth/login`, or an
API key. Every error is `application/problem+json` with a stable `code`, a `detail` that says what to do,
and a `requestId`. Every `POST` that creates or sends takes an `Idempotency-Key`.
"""
_IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "A repetition with the same key within 24 hours gets the first answer and does nothing.",
}
_PROBLEM = {
    "type": "object",
    "title": "Problem",
    "required": ["type", "title", "status", "code", "detail", "requestId", "retryable"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "enum": sorted(code.code for code in Code)},
        "detail": {"type": "string", "description": "What to do"},
        "requestId": {"type": "string"},
        "retryable": {"type": "boolean"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "pointer": {"type": "string", "description": "A JSON pointer into the body"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
    "examples": [
        {
            "type": "about:blank",
            "title": "A value is not valid",
            "status": 422,
            "code": "validation_failed",
            "detail": "The email address is not valid.",
            "requestId": "req-01a1fd3d-247e-7083-9bb7-92fe97045b6b",
            "retryable": False,
            "errors": [{"pointer": "/email", "detail": "It must have exactly one @-sign."}],
        }
    ],
}


def configuration(version: str, webhooks: dict[str, PathItem | Reference]) -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Waypost",
        version=version,
        description=_DESCRIPTION,
        license=License(name="MIT", identifier="MIT"),
        path="/docs/litestar",
        render_plugins=[],
        webhooks=webhooks,
        tags=[
            Tag("Accounts", "Who you are: registration, log-in, profile"),
            Tag("API keys", "Credentials for servers"),
            Tag("Sessions", "WhatsApp accounts that are linked, and how they are"),
            Tag("Messages", "What is sent and received"),
            Tag("Sandbox", "Virtual phones for sessions without a real one"),
            Tag("Events", "The ordered log of what happened"),
            Tag("Webhooks", "Events that are sent to your URLs, signed"),
            Tag("Workers", "The machines that run sessions"),
            Tag("Administration", "For administrators"),
            Tag("Health", "For load balancers and monitoring"),
        ],
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(
                    type="http", scheme="bearer", description="An access token or an API key"
                )
            }
        ),
    )


def document(app: Litestar) -> dict[str, Any]:
    """The routes know their types; who may call them, and how they refuse, is told by their access rule."""
    schema: dict[str, Any] = app.openapi_schema.to_schema()
    schema.setdefault("components", {}).setdefault("schemas", {})["Problem"] = _PROBLEM
    for route in app.routes:
        handlers = getattr(route, "route_handler_map", {})
        operations = schema["paths"].get(route.path_format, {})
        for method, (handler, _) in handlers.items():
            if method.lower() in operations:
                _complete(operations[method.lower()], method, handler)
    return schema


def _complete(operation: dict[str, Any], method: str, handler: HTTPRouteHandler) -> None:
    rule = access_of(handler.opt)
    operation["security"] = [] if rule.public and not rule.worker else [{"bearer": []}]
    own_words = operation.get("description", "")
    operation["description"] = f"{own_words}\n\n{_who(rule)}" if own_words else _who(rule)
    if method == "POST" and not rule.public:
        operation.setdefault("parameters", []).append(_IDEMPOTENCY)
    if rule.takes_files:
        _take_forms(operation)
    if rule.unlimited:
        return
    refusals = [429, 500, 503]
    if not rule.public:
        refusals += [401, 403]
    if "requestBody" in operation or operation.get("parameters"):
        refusals += [400, 422]
    if "requestBody" in operation:
        refusals += [409, 413]
    if rule.takes_files:
        refusals.append(415)
    if "{" in str(handler.paths):
        refusals.append(404)
    for status in sorted(refusals):
        operation["responses"][str(status)] = _refusal(status)


def _take_forms(operation: dict[str, Any]) -> None:
    """The same body, with the file beside it."""
    content = operation["requestBody"]["content"]
    content[FORM] = {
        "schema": {
            "type": "object",
            "required": [MESSAGE_PART, FILE_PART],
            "properties": {
                MESSAGE_PART: content["application/json"]["schema"],
                FILE_PART: {"type": "string", "contentMediaType": "application/octet-stream"},
            },
        },
        "encoding": {MESSAGE_PART: {"contentType": "application/json"}},
    }
    operation["description"] += (
        f" A file is fetched from `media.url`, stands in `media.base64` (at most {readable_size(IN_JSON)}),"
        f" or is the part `{FILE_PART}` of a form (at most {readable_size(LARGEST)})."
    )


def _who(rule: Access) -> str:
    if rule.worker:
        return "For workers, with their token; the registration takes a join token."
    if rule.public:
        return "Open to everybody."
    if rule.admin:
        return "For administrators, with an access token."
    if rule.scope is None:
        return "With an access token; API keys do not manage accounts."
    if rule.scope == ANY_KEY:
        return "With an access token or any API key."
    return f"With an access token, or an API key that has the scope `{Scope(rule.scope)}`."


def _refusal(status: int) -> dict[str, Any]:
    codes = sorted(code.code for code in Code if code.status == status)
    return {
        "description": "Refused: " + ", ".join(f"`{code}`" for code in codes),
        "content": {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
