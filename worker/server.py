"""What a worker answers over HTTP: how it is, and what the control plane wants done."""

from collections.abc import Awaitable, Callable
from typing import Self

import msgspec
from aiohttp import web

from shared.contracts.commands import Attempts, Outcome, Reloading, Standing, Wish
from shared.internal_auth import SIGNATURE_HEADER, is_signed
from worker.agent import Agent
from worker.commands import look_up, obey
from worker.metrics import CONTENT_TYPE, metrics_of

_LARGEST_BODY = 1 << 20
_OPEN = frozenset({"/health/live", "/health/ready", "/metrics"})
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Bound before the agent exists: its port is a part of how the worker introduces itself."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._agent: Agent | None = None
        app = web.Application(client_max_size=_LARGEST_BODY, middlewares=[_in_json, self._signed])
        app.router.add_get("/health/live", self._live)
        app.router.add_get("/health/ready", self._ready)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/standing", self._standing)
        app.router.add_post("/reload", self._reload)
        app.router.add_post("/attempts", self._attempts)
        app.router.add_post("/sessions/{session}/commands", self._command)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)

    async def __aenter__(self) -> Self:
        """OSError when the port is taken."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except BaseException:
            await self._runner.cleanup()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        port = self._runner.addresses[0][1]
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{port}"

    def serve(self, agent: Agent) -> None:
        self._agent = agent

    @web.middleware
    async def _signed(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in _OPEN:
            return await handler(request)
        known = self._agent.client.registered if self._agent is not None else None
        body, header = await request.read(), request.headers.get(SIGNATURE_HEADER, "")
        if known is None or not is_signed(known.token, request.method, request.raw_path, body, header):
            return _problem(401, "not_signed", "Only the control plane of this worker may ask for this.")
        return await handler(request)

    async def _live(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def _ready(self, _: web.Request) -> web.Response:
        agent = self._agent
        if agent is not None and agent.ready:
            return web.json_response({"status": "ready"})
        trouble = agent.guard.trouble if agent is not None else ""
        return _problem(503, "not_ready", trouble or "This worker is not registered, or its lease is over.")

    async def _metrics(self, _: web.Request) -> web.Response:
        body = metrics_of(self._known()) if self._agent is not None else b""
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})

    async def _standing(self, _: web.Request) -> web.Response:
        known = self._known().client.registered
        assert known is not None  # noqa: S101 (its token has signed this call)
        return _answer(Standing(worker_id=known.worker_id, incarnation=known.incarnation))

    async def _reload(self, _: web.Request) -> web.Response:
        return _answer(Reloading(sessions=self._known().reload()))

    async def _attempts(self, request: web.Request) -> web.Response:
        try:
            asked = msgspec.json.decode(await request.read(), type=Attempts)
        except msgspec.MsgspecError as error:
            return _problem(400, "invalid_body", str(error))
        return _answer(await look_up(self._known(), asked))

    async def _command(self, request: web.Request) -> web.Response:
        try:
            wish = msgspec.json.decode(await request.read(), type=Wish)
        except msgspec.MsgspecError as error:
            return _problem(400, "invalid_body", str(error))
        answer = await obey(self._known(), request.match_info["session"], wish)
        return _answer(answer, status=421 if answer.outcome is Outcome.NOT_HERE else 200)

    def _known(self) -> Agent:
        assert self._agent is not None  # noqa: S101 (signed calls come in later)
        return self._agent


@web.middleware
async def _in_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Also what the framework itself refuses."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        code = error.reason.lower().replace(" ", "_")
        return _problem(error.status, code, f"{error.reason}: {request.method} {request.path}")


def _problem(status: int, code: str, detail: str) -> web.Response:
    return web.json_response({"code": code, "detail": detail}, status=status)


def _answer(what: msgspec.Struct, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(what), content_type="application/json", status=status)
