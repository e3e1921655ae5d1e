"""A stand-in for the control plane: it speaks the contract over HTTP, and remembers what it was told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Self, TypeVar

import msgspec
from aiohttp import web

from shared.contracts.fleet import (
    Assigned,
    Heartbeat,
    HeartbeatAnswer,
    RecoveryStatus,
    Register,
    Registered,
    Released,
    StartOrder,
    StopOrder,
    UplinkAnswer,
    UplinkBatch,
    UplinkEvent,
)
from shared.contracts.told import Told

JOIN_TOKEN = "canary-join-token-0123456789"
PATIENCE = 40
Kind = TypeVar("Kind", bound=Told)


class StandInControlPlane:
    """Orders are told in each answer until they are taken back, as the real one does."""

    def __init__(self) -> None:
        self.registers: list[Register] = []
        self.beats: list[Heartbeat] = []
        self.batches: list[UplinkBatch] = []
        self.bodies: list[bytes] = []
        self.released: list[Released] = []
        self.recoveries: list[RecoveryStatus] = []
        self.start: list[StartOrder] = []
        self.stop: list[StopOrder] = []
        self.lost: list[str] = []
        self.assigned: list[StartOrder] = []
        self.heartbeat_interval = 0.2
        self.lease_seconds = 15.0
        self.incarnation = 0
        # For the next calls of a kind: what is answered, or None for a connection that ends instead.
        self.refusals: dict[str, list[tuple[int, str] | None]] = {}
        # So many answers to batches are lost, though they were stored.
        self.lost_answers = 0
        self.streams: list[web.StreamResponse] = []
        self._positions: dict[str, int] = {}
        self._news = asyncio.Condition()
        self._beats_go_on = asyncio.Event()
        self._beats_go_on.set()
        app = web.Application(client_max_size=1 << 24)
        app.router.add_post("/v1/workers/register", self._register)
        app.router.add_post("/v1/workers/{id}/heartbeat", self._heartbeat)
        app.router.add_post("/v1/workers/{id}/events", self._events)
        app.router.add_post("/v1/workers/{id}/sessions/released", self._released)
        app.router.add_post("/v1/workers/{id}/sessions/recovery-status", self._recovered)
        app.router.add_get("/v1/workers/{id}/sessions/assigned", self._assigned)
        app.router.add_get("/v1/workers/{id}/stream", self._stream)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.release_heartbeats()
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    @property
    def token(self) -> str:
        return f"canary-token-of-incarnation-{self.incarnation}"

    def events(self, spool: str | None = None) -> list[UplinkEvent]:
        """Each that was new, in the order of its arrival."""
        seen: set[tuple[str, int]] = set()
        events = []
        for batch in self.batches:
            for event in batch.events:
                key = (batch.spool, event.position)
                if spool in {None, batch.spool} and (event.position == 0 or key not in seen):
                    seen.add(key)
                    events.append(event)
        return events

    async def told(self, kind: type[Kind], fits: Callable[[Kind], bool] = lambda _: True) -> Kind:
        found: list[Kind] = []

        def there() -> bool:
            found[:] = [
                event.told for event in self.events() if isinstance(event.told, kind) and fits(event.told)
            ]
            return bool(found)

        await self.until(there)
        return found[-1]

    async def until(self, holds: Callable[[], bool]) -> None:
        async with self._news:
            try:
                await asyncio.wait_for(self._news.wait_for(holds), PATIENCE)
            except TimeoutError:
                told = [type(event.told).__name__ for event in self.events()]
                raise AssertionError(f"not told; events: {told}; last: {self.beats[-1:]}") from None

    def hold_heartbeats(self) -> None:
        """They are heard, and never answered."""
        self._beats_go_on.clear()

    def release_heartbeats(self) -> None:
        self._beats_go_on.set()

    async def nudge(self) -> None:
        await self.until(lambda: bool(self.streams))
        await self.streams[-1].write(b"data: beat\n\n")

    async def _register(self, request: web.Request) -> web.StreamResponse:
        wish = await self._heard(request, "register", Register, JOIN_TOKEN)
        if isinstance(wish, web.Response):
            return wish
        self.incarnation += 1
        answer = Registered(
            worker_id=wish.worker_id,
            token=self.token,
            incarnation=self.incarnation,
            recovery_required=bool(self.assigned),
            assigned_session_count=len(self.assigned),
            heartbeat_interval=self.heartbeat_interval,
            lease_seconds=self.lease_seconds,
        )
        return await self._answer(self.registers, wish, answer)

    async def _heartbeat(self, request: web.Request) -> web.StreamResponse:
        beat = await self._heard(request, "heartbeat", Heartbeat)
        await self._beats_go_on.wait()
        if isinstance(beat, web.Response):
            return beat
        answer = HeartbeatAnswer(
            lease_until="2026-01-01T00:00:00Z",
            start=tuple(self.start),
            stop=tuple(self.stop),
            lost=tuple(self.lost),
        )
        return await self._answer(self.beats, beat, answer)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.read())
        batch = await self._heard(request, "events", UplinkBatch)
        if isinstance(batch, web.Response):
            return batch
        stored = max([self._positions.get(batch.spool, 0), *(event.position for event in batch.events)])
        self._positions[batch.spool] = stored
        if self.lost_answers:
            self.lost_answers -= 1
            await self._answer(self.batches, batch, None)
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return await self._answer(self.batches, batch, UplinkAnswer(position=stored))

    async def _released(self, request: web.Request) -> web.StreamResponse:
        released = await self._heard(request, "released", Released)
        if isinstance(released, web.Response):
            return released
        return await self._answer(self.released, released, None)

    async def _recovered(self, request: web.Request) -> web.StreamResponse:
        status = await self._heard(request, "recovery", RecoveryStatus)
        if isinstance(status, web.Response):
            return status
        return await self._answer(self.recoveries, status, None)

    async def _assigned(self, request: web.Request) -> web.Response:
        return _json(Assigned(sessions=tuple(self.assigned)))

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        await stream.write(b": hello\n\n")
        self.streams.append(stream)
        await self._tell()
        try:
            await asyncio.Event().wait()
        finally:
            self.streams.remove(stream)
        return stream

    async def _heard(self, request: web.Request, what: str, form: type[Any], token: str = "") -> Any:
        """What was said, or the answer that refuses it."""
        said = msgspec.json.decode(await request.read(), type=form)
        if refusals := self.refusals.get(what):
            refusal = refusals.pop(0)
            if refusal is None:
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            return web.json_response({"code": refusal[1], "detail": "a sentence"}, status=refusal[0])
        if request.headers.get("Authorization") != f"Bearer {token or self.token}":
            return web.json_response({"code": "unauthorized", "detail": "a sentence"}, status=401)
        return said

    async def _answer(self, kept: list[Any], said: Any, answer: msgspec.Struct | None) -> web.Response:
        kept.append(said)
        await self._tell()
        return _json(answer) if answer is not None else web.Response(status=204)

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()


def _json(what: msgspec.Struct) -> web.Response:
    return web.Response(body=msgspec.json.encode(what), content_type="application/json")


@asynccontextmanager
async def running_stand_in() -> AsyncIterator[StandInControlPlane]:
    async with StandInControlPlane() as stand_in:
        yield stand_in
