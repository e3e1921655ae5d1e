"""The API's own description, and a page for it whose scripts come from here and from nowhere else."""

import importlib.util
from pathlib import Path
from typing import Any

import msgspec
from litestar import Controller, MediaType, Request, Response, get
from litestar.params import FromPath

from control_plane.errors import AppError, Code
from control_plane.http.openapi import document
from control_plane.http.principal import UNLIMITED, access

_FILES = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "favicon-32x32.png": "image/png",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Waypost API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" href="/docs/favicon-32x32.png">
</head>
<body>
<div id="page"></div>
<noscript>This page needs JavaScript; the description: <a href="/openapi.json">openapi.json</a></noscript>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#page",
  deepLinking: true,
  persistAuthorization: false,
  validatorUrl: null,
});
"""


class DocumentationController(Controller):
    include_in_schema = False
    opt = access(UNLIMITED)
    _document: bytes | None = None

    @get("/openapi.json", sync_to_thread=True)
    def description(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        if self._document is None:
            self._document = msgspec.json.encode(document(request.app))
        headers = {"cache-control": "public, max-age=300"}
        return Response(self._document, media_type=MediaType.JSON, headers=headers)

    @get("/docs", sync_to_thread=False)
    def page(self) -> Response[str]:
        return Response(_PAGE, media_type=MediaType.HTML, headers={"content-security-policy": _POLICY})

    @get("/docs/start.js", sync_to_thread=False)
    def start(self) -> Response[str]:
        return Response(_START, media_type="text/javascript")

    @get("/docs/{name:str}", sync_to_thread=True)
    def file(self, name: FromPath[str]) -> Response[bytes]:
        if name not in _FILES:
            raise AppError(Code.NOT_FOUND, "There is no such file.")
        content = (_installed_files() / name).read_bytes()
        return Response(content, media_type=_FILES[name], headers={"cache-control": "public, max-age=86400"})


def _installed_files() -> Path:
    """The package is a carrier of files; importing it would load what we do not use."""
    found = importlib.util.find_spec("swagger_ui")
    if found is None or not found.submodule_search_locations:
        raise AppError(Code.INTERNAL_ERROR, "The package swagger-ui-py is not installed.")
    return Path(found.submodule_search_locations[0]) / "static"
