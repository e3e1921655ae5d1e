"""Every exception becomes one kind of answer: problem details with a code and a request id."""

import re
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import (
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from control_plane.errors import PROBLEM_MEDIA_TYPE, AppError, Code, problem
from control_plane.http import transactions
from control_plane.http.request_context import request_id

log = structlog.get_logger(__name__)

_BY_STATUS = {
    400: Code.MALFORMED_REQUEST,
    401: Code.UNAUTHORIZED,
    403: Code.FORBIDDEN,
    404: Code.NOT_FOUND,
    405: Code.METHOD_NOT_ALLOWED,
    413: Code.BODY_TOO_LARGE,
    415: Code.UNSUPPORTED_MEDIA_TYPE,
    422: Code.VALIDATION_FAILED,
    429: Code.RATE_LIMITED,
}
# No connection, none left, the server is stopping or starting.
_AWAY_CLASSES = frozenset({"08", "53", "57"})
_QUERY_CANCELED = "57014"
_BAD_TEXT = frozenset({"22021", "22P05"})
_NAMED_FIELD = re.compile(r"field `([^`]+)`")
# What asyncpg raises while no server answers; SQLAlchemy wraps some of it, not all.
_DATABASE_AWAY = (OperationalError, InterfaceError, PoolTimeout, ConnectionError, OSError, TimeoutError)


def render(request: Request[Any, Any, Any], exception: Exception) -> Response[dict[str, Any]]:
    error = as_app_error(exception)
    if error.keeps_changes:
        transactions.of_request(request.scope).keep_changes = True
    return Response(
        problem(error, request_id()),
        status_code=error.code.status,
        media_type=PROBLEM_MEDIA_TYPE,
        headers=error.headers,
    )


def as_app_error(exception: BaseException) -> AppError:
    if isinstance(exception, AppError):
        return exception
    if isinstance(exception, HTTPException) and exception.status_code < 500:
        return _refused_by_framework(exception)
    if _is_unstorable_text(exception):
        return AppError(
            Code.VALIDATION_FAILED, "A text holds a NUL character or is no valid Unicode. Send it without."
        )
    if isinstance(exception, RecursionError | UnicodeError):
        # A body of a thousand nested lists, or bytes that are no UTF-8. Recorded, in case it was our own.
        log.warning("unreadable_request", exc_info=exception)
        return AppError(Code.MALFORMED_REQUEST, "The body is no JSON that can be read: is it UTF-8?")
    if database_is_away(exception):
        log.warning("database_unavailable", error=type(exception).__name__)
        return AppError(
            Code.DATABASE_UNAVAILABLE,
            "The database does not answer at this moment. Nothing was changed; try again.",
            headers={"Retry-After": "2"},
        )
    log.error("request_failed", exc_info=exception)
    return AppError(
        Code.INTERNAL_ERROR, "The fault is ours and was recorded. Tell us the requestId if it stays."
    )


def _refused_by_framework(exception: HTTPException) -> AppError:
    if isinstance(exception, ValidationException):
        return _validation(exception)
    if isinstance(exception, NotFoundException):
        return AppError(Code.NOT_FOUND, "There is nothing at this address. See /docs for what there is.")
    if isinstance(exception, MethodNotAllowedException):
        return AppError(Code.METHOD_NOT_ALLOWED, "This address exists, but not for this method. See /docs.")
    return AppError(_BY_STATUS.get(exception.status_code, Code.CLIENT_ERROR), exception.detail)


def database_is_away(exception: BaseException) -> bool:
    if isinstance(exception, DBAPIError) and exception.connection_invalidated:
        return True
    if isinstance(exception, _DATABASE_AWAY):
        return True
    state = _sql_state(exception)
    return state[:2] in _AWAY_CLASSES and state != _QUERY_CANCELED


def _is_unstorable_text(exception: BaseException) -> bool:
    return _sql_state(exception) in _BAD_TEXT


def _sql_state(exception: BaseException) -> str:
    """PostgreSQL's own code, whether asyncpg raised it or SQLAlchemy wrapped it."""
    source = exception if hasattr(exception, "sqlstate") else getattr(exception, "orig", None)
    state = getattr(source, "sqlstate", None)
    return state if isinstance(state, str) else ""


def _validation(exception: ValidationException) -> AppError:
    errors = []
    for entry in exception.extra if isinstance(exception.extra, list) else []:
        message = str(entry.get("message", "is not valid"))
        errors.append({"pointer": pointer_of(str(entry.get("key", "")), message), "detail": message})
    if not errors:
        return AppError(Code.VALIDATION_FAILED, exception.detail)
    first = errors[0]
    where = f"{first['pointer']}: " if first["pointer"] else ""
    return AppError(Code.VALIDATION_FAILED, f"{where}{first['detail']}", errors=errors)


def pointer_of(key: str, message: str) -> str:
    """msgspec names a missing or unknown field in its sentence, and any other field by its path."""
    path = key.removeprefix("$.").removeprefix("data.").replace("[", ".").replace("]", "")
    parts = [part for part in path.split(".") if part not in {"", "data", "$"}]
    named = _NAMED_FIELD.search(message)
    if named is not None and named[1] not in parts:
        parts.append(named[1])
    return "".join("/" + part for part in parts)
