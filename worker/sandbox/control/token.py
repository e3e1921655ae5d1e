"""The token without which nobody but a health check is answered."""

import hmac
import os
import secrets
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Middleware

from worker.sandbox.control.problems import Handler, Problem

_OPEN = "/health"
_SHORTEST = 16


class TokenError(Exception):
    """One line that says which token is wrong, and how."""


def checked(token: str, origin: str) -> str:
    if len(token) < _SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
        raise TokenError(f"{origin}: the token must be at least {_SHORTEST} ASCII characters without spaces")
    return token


def token_in(file: Path) -> str:
    try:
        return checked(file.read_text().strip(), str(file))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise TokenError(f"{file}: the token cannot be read ({reason})") from error


def kept_token(file: Path) -> str:
    """Made at the first start."""
    if not file.exists():
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as made:
            made.write(secrets.token_urlsafe(32) + "\n")
    return token_in(file)


def demand(token: str) -> Middleware:
    wanted = f"Bearer {token}".encode()

    @web.middleware
    async def with_token(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if request.path != _OPEN and not hmac.compare_digest(given, wanted):
            raise Problem(401, "unauthorized", "Send the token of this emulator: Authorization: Bearer …")
        return await handler(request)

    return with_token
