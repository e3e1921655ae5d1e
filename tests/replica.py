"""A replica of the API inside the test process: the real application, without a socket in between."""

import asyncio
from types import TracebackType
from typing import Any, Self

import httpx

from control_plane.app import litestar_app
from control_plane.http.request_context import RequestContext
from control_plane.parts import Parts, assemble
from control_plane.settings import Settings
from tests import run_folder


class Replica:
    def __init__(self, settings: Settings) -> None:
        self.parts: Parts = assemble(settings)
        app: Any = RequestContext(litestar_app(self.parts), self.parts.registry, settings.trusted_proxies)
        self.app = app
        self._inbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app, raise_app_exceptions=False),
            base_url="http://waypost.test",
            event_hooks={"response": [_note_secrets]},
        )

    async def __aenter__(self) -> Self:
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        self._task = asyncio.create_task(self.app(scope, self._inbox.get, self._said.put))
        await self._say("startup")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.aclose()
        await self._say("shutdown")
        assert self._task is not None
        await self._task

    async def _say(self, what: str) -> None:
        await self._inbox.put({"type": f"lifespan.{what}"})
        answer = await self._said.get()
        assert answer["type"] == f"lifespan.{what}.complete", answer


async def _note_secrets(response: httpx.Response) -> None:
    kind = response.headers.get("content-type", "")
    if "json" in kind and "ndjson" not in kind:
        await response.aread()
        if response.request.url.path.startswith("/v1/"):
            run_folder.note_secrets_of(response.json())
