"""How a page is made: from a template that escapes, under a policy that allows our own files only."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Response, get

from control_plane.http.principal import UNLIMITED, access

_HERE = Path(__file__).parent
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_templates = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(template: str, *, status: int = 200, **values: Any) -> Response[str]:
    return Response(
        _templates.get_template(template).render(**values),
        status_code=status,
        media_type=MediaType.HTML,
        headers={"content-security-policy": _POLICY},
    )


@get("/static/pages.css", opt=access(UNLIMITED), include_in_schema=False, sync_to_thread=True)
def style() -> Response[bytes]:
    content = (_HERE / "static" / "pages.css").read_bytes()
    return Response(content, media_type="text/css", headers={"cache-control": "public, max-age=3600"})
