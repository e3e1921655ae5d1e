"""Around everything else: a request id, the access log, the security headers, the figures of each call."""

import asyncio
import re
import time
from collections.abc import Mapping
from contextvars import ContextVar
from ipaddress import ip_address
from typing import Any

import structlog
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from control_plane.settings import Networks
from shared.ids import new_uuid

log = structlog.get_logger("access")

_request_id: ContextVar[str] = ContextVar("request_id", default="")
_GIVEN_ID = re.compile(r"[0-9A-Za-z._-]{8,64}")

_ALWAYS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
]
_DEFAULTS = [
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
]
_QUIET = frozenset({"/health/live", "/health/ready", "/metrics"})


def request_id() -> str:
    return _request_id.get()


class RequestContext:
    """The outermost ASGI application, so that even what matches no route passes it."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry, trusted_proxies: Networks) -> None:
        self._app = app
        self._trusted = trusted_proxies
        self._requests = Counter(
            "waypost_http_requests", "Answered requests", ["method", "route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "waypost_http_request_seconds",
            "Time from a request to the begin of its answer",
            ["method", "route"],
            registry=registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
        )
        self.in_flight = 0
        self.idle = asyncio.Event()
        self.idle.set()
        gauge = Gauge("waypost_http_in_flight", "Requests that are being answered", registry=registry)
        gauge.set_function(lambda: self.in_flight)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        identity = self._identity(headers)
        token = _request_id.set(identity)
        structlog.contextvars.bind_contextvars(request_id=identity)
        scope.setdefault("state", {})["address"] = client_address(scope, headers, self._trusted)
        answer = _Answer(send, identity)
        started = time.perf_counter()
        self.in_flight += 1
        self.idle.clear()
        try:
            await self._app(scope, receive, answer)
        finally:
            self.in_flight -= 1
            if not self.in_flight:
                self.idle.set()
            self._record(scope, answer, time.perf_counter() - started)
            structlog.contextvars.unbind_contextvars("request_id")
            _request_id.reset(token)

    def _record(self, scope: Any, answer: "_Answer", seconds: float) -> None:
        route = scope.get("path_template") or "unmatched"
        method = scope.get("method", "WS")
        if method not in {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "WS"}:
            method = "other"
        self._requests.labels(method, route, str(answer.status)).inc()
        self._seconds.labels(method, route).observe(answer.seconds_to_start(seconds))
        if scope["path"] not in _QUIET or answer.status >= 500:
            user = scope.get("user")
            log.info(
                "request",
                method=method,
                route=route,
                status=answer.status,
                milliseconds=round(seconds * 1000, 1),
                auth=getattr(user, "method", "none"),
                user_id=str(user.user_id) if user is not None else None,
                address=scope["state"]["address"],
            )

    @staticmethod
    def _identity(headers: dict[bytes, bytes]) -> str:
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        return given if _GIVEN_ID.fullmatch(given) else f"req-{new_uuid()}"


class _Answer:
    """Adds our headers to the answer and remembers how it began."""

    def __init__(self, send: Send, identity: str) -> None:
        self._send = send
        self._identity = identity
        self._created = time.perf_counter()
        self._started: float | None = None
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._started = time.perf_counter()
            self.status = message["status"]
            headers = [*message.get("headers", ()), *_ALWAYS, (b"x-request-id", self._identity.encode())]
            present = {name.lower() for name, _ in headers}
            headers += [header for header in _DEFAULTS if header[0] not in present]
            message["headers"] = headers
        elif message["type"] == "websocket.accept":
            self._started, self.status = time.perf_counter(), 101
        elif message["type"] == "websocket.close":
            self.status = self._status_of_close(message.get("code", 0))
        await self._send(message)

    def _status_of_close(self, code: int) -> int:
        """Before the upgrade the server answers every close with 403; the codes from 4000 on are our own."""
        if self._started is None:
            return 403
        return code - 4000 if code >= 4000 else self.status

    def seconds_to_start(self, otherwise: float) -> float:
        return otherwise if self._started is None else self._started - self._created


def user_agent(headers: Mapping[str, str]) -> str:
    """What a person recognises a device by; never longer than a line."""
    return headers.get("user-agent", "")[:200]


def client_address(scope: Any, headers: dict[bytes, bytes], trusted: Networks) -> str:
    """The nearest address that is not one of our own proxies; a client cannot choose it by a header."""
    client = scope.get("client")
    address = str(client[0]) if client else "unknown"
    if address not in trusted:
        return address
    forwarded = headers.get(b"x-forwarded-for", b"").decode("latin-1").split(",")
    for candidate in reversed([part.strip() for part in forwarded if part.strip()]):
        if not _is_address(candidate):
            break
        address = candidate
        if candidate not in trusted:
            break
    return address


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
