"""The HTTP side of a worker without engines: it answers sends as a test says, and keeps a journal."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web

from shared.contracts.commands import (
    Attempts,
    AttemptSeen,
    AttemptsSeen,
    AttemptState,
    CommandAnswer,
    Outcome,
    SendWish,
    Wish,
)

DONE = CommandAnswer(outcome=Outcome.DONE)


class Broken(CommandAnswer, frozen=True, kw_only=True):
    """The call breaks; `state` is what the journal says of it afterwards."""

    state: AttemptState = AttemptState.OPEN


class ScriptedWorker:
    """`answers` are given one by one, then everything is sent. `may_answer` holds each answer back."""

    def __init__(self) -> None:
        self.answers: deque[CommandAnswer] = deque()
        self.sends: list[SendWish] = []
        self.wishes: list[Wish] = []
        self.journal: dict[tuple[str, int], AttemptSeen] = {}
        self.unknown = AttemptState.NEVER
        self.asked: list[str] = []
        self.arrived = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.away: Callable[[], bool] = lambda: False
        self.endpoint = ""

    @property
    def texts(self) -> list[str]:
        """What went out, in its order."""
        done = {key[0] for key, seen in self.journal.items() if seen.answer and seen.answer.whatsapp_id}
        return [getattr(wish.content, "text", "") for wish in self.sends if wish.message_id in done]

    async def _command(self, request: web.Request) -> web.StreamResponse:
        wish = msgspec.json.decode(await request.read(), type=Wish)
        self.wishes.append(wish)
        if not isinstance(wish, SendWish):
            return _json(DONE)
        if self.away():
            return web.Response(status=404)
        self.sends.append(wish)
        self.arrived.set()
        await self.may_answer.wait()
        answer = self.answers.popleft() if self.answers else DONE
        key = (wish.message_id, wish.attempt)
        if isinstance(answer, Broken):
            self.journal[key] = self._seen(key, answer.state, answer)
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        if answer.outcome is Outcome.DONE:
            number, _, server = wish.recipient.partition("@")
            # As the network does: the name that hides the number, which makes a stranger somebody known.
            lid = answer.lid or (f"{number[::-1]}@lid" if server == "s.whatsapp.net" else "")
            answer = msgspec.structs.replace(answer, whatsapp_id=f"3EB{len(self.sends):05}", lid=lid)
        self.journal[key] = self._seen(key, AttemptState.ENDED, answer)
        return _json(answer, status=421 if answer.outcome is Outcome.NOT_HERE else 200)

    async def _attempts(self, request: web.Request) -> web.Response:
        if self.away():
            return web.Response(status=404)
        asked = msgspec.json.decode(await request.read(), type=Attempts).asked
        self.asked += [attempt.message_id for attempt in asked]
        keys = [(attempt.message_id, attempt.attempt) for attempt in asked]
        seen = tuple(self.journal.get(key) or self._seen(key, self.unknown) for key in keys)
        return _json(AttemptsSeen(seen=seen))

    def _seen(
        self, key: tuple[str, int], state: AttemptState, answer: CommandAnswer | None = None
    ) -> AttemptSeen:
        ended = answer if state is AttemptState.ENDED and answer is not None else None
        if ended is not None and not ended.whatsapp_id and ended.outcome is Outcome.DONE:
            ended = CommandAnswer(outcome=Outcome.DONE, whatsapp_id=f"3EBL{len(self.sends):05}")
        return AttemptSeen(message_id=key[0], attempt=key[1], state=state, answer=ended)


@asynccontextmanager
async def scripted_worker() -> AsyncIterator[ScriptedWorker]:
    worker = ScriptedWorker()
    app = web.Application()
    app.router.add_post("/sessions/{session}/commands", worker._command)
    app.router.add_post("/attempts", worker._attempts)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        worker.endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield worker
    finally:
        worker.may_answer.set()
        await runner.cleanup()


def _json(what: msgspec.Struct, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(what), status=status)
