"""The account whose sessions are measured: it knows the REST API and nothing else."""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import aiohttp

from deploy.local.errors import LaunchError
from tests.waiting import until

_CODE_SECONDS = 30
_GONE_SECONDS = 60.0


class Owner:
    """`async with`. An answer that is not the expected one ends the measurement."""

    def __init__(self, url: str, key: str, connections: int = 0) -> None:
        """As many connections at once as it wants, unless there is a number."""
        self._url = url
        self._key = key
        self._connections = connections

    async def __aenter__(self) -> Self:
        self.http = aiohttp.ClientSession(
            self._url,
            headers={"Authorization": f"Bearer {self._key}"},
            timeout=aiohttp.ClientTimeout(total=60),
            connector=aiohttp.TCPConnector(limit=self._connections),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.http.close()

    async def call(self, method: str, path: str, status: int, **options: Any) -> Any:
        async with self.http.request(method, path, **options) as answer:
            body = await answer.read()
            if answer.status != status:
                raise LaunchError(f"{method} {path} was answered {answer.status}:", body.decode()[:500])
            return await answer.json(content_type=None) if body else None

    async def create(self, names: Sequence[str]) -> None:
        for name in names:
            await self.call("POST", "/v1/sessions", 201, json={"name": name, "sandbox": True})

    async def connect(self, name: str) -> None:
        """Until its code has come with the answer."""
        answer = await self.call("POST", f"/v1/sessions/{name}/connect", 202, json={"wait": _CODE_SECONDS})
        if not answer["qr"]:
            raise LaunchError(f"{name} showed no code within {_CODE_SECONDS} s.", str(answer))

    async def disconnect(self, name: str) -> None:
        await self.call("POST", f"/v1/sessions/{name}/disconnect", 200)

    async def scan(self, name: str) -> None:
        await self.call("POST", f"/v1/sandbox/sessions/{name}/scan", 200, json={})

    async def sessions(self) -> dict[str, dict[str, Any]]:
        page = await self.call("GET", "/v1/sessions", 200, params={"limit": 200})
        return {session["name"]: session for session in page["items"]}

    async def on(self, worker: str) -> dict[str, dict[str, Any]]:
        """Those that it runs."""
        found = await self.sessions()
        return {name: card for name, card in found.items() if card["workerId"] == worker}

    async def delete_all(self) -> None:
        names = await self.sessions()
        await asyncio.gather(*(self.call("DELETE", f"/v1/sessions/{name}", 204) for name in names))

        async def none_is_left() -> bool:
            return not await self.sessions()

        await until(none_is_left, within=_GONE_SECONDS)
