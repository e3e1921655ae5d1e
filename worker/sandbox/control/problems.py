"""What the control API refuses: a status, a stable code, and a sentence that says what to do."""

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import msgspec
from aiohttp import web

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_CODES_OF_THE_SERVER = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}


class Problem(Exception):  # noqa: N818 (problem details are what it becomes)
    def __init__(self, status: int, code: str, detail: str, field: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.field = field

    def answer(self) -> web.Response:
        document: dict[str, object] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        if self.field:
            document["field"] = self.field
        headers = {"WWW-Authenticate": "Bearer"} if self.status == HTTPStatus.UNAUTHORIZED else None
        body = msgspec.json.encode(document)
        return web.Response(
            body=body, status=self.status, content_type="application/problem+json", headers=headers
        )


def not_found(detail: str) -> Problem:
    return Problem(404, "not_found", detail)


def invalid(field: str, detail: str) -> Problem:
    return Problem(422, "invalid", detail, field)


@web.middleware
async def as_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Problem as problem:
        return problem.answer()
    except web.HTTPException as refusal:
        return _by_the_server(request, refusal).answer()
    except Exception:
        log.exception("sandbox_control_failed: %s", request.method)
        return Problem(500, "internal_error", "The emulator failed; its log says where.").answer()


def _by_the_server(request: web.Request, refusal: web.HTTPException) -> Problem:
    match refusal:
        case web.HTTPNotFound():
            detail = "There is no such call. See worker/sandbox/control/README.md for all that there are."
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(refusal.allowed_methods))
            detail = f"{request.method} is not allowed here, only {allowed}."
        case web.HTTPRequestEntityTooLarge():
            detail = "The body is larger than 32 MiB: send less at once."
        case _:
            detail = f"The request was refused: {refusal.reason}."
    return Problem(refusal.status, _CODES_OF_THE_SERVER.get(refusal.status, "client_error"), detail)
