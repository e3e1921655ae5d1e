"""What the OpenAPI document says beyond what the routes say by themselves."""

from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, License, SecurityScheme, Tag

_DESCRIPTION = """\
Waypost sends and receives WhatsApp messages for you.

Every credential travels as `Authorization: Bearer …`: an access token of `POST /v1/auth/login`, or an
API key.
Every error is `application/problem+json` with a stable `code`, a `detail` that says what to do, and a
`requestId`. Every `POST` that creates or sends takes an `Idempotency-Key`.
"""


def configuration(version: str) -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Waypost",
        version=version,
        description=_DESCRIPTION,
        license=License(name="MIT"),
        path="/docs/litestar",
        render_plugins=[],
        tags=[
            Tag("Accounts", "Who you are: registration, log-in, profile"),
            Tag("API keys", "Credentials for servers"),
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
        security=[{"bearer": []}],
    )
