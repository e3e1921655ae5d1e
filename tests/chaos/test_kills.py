"""Engines that are killed at any moment while their sessions send."""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from shared.session_state import SessionState
from tests.chaos.stored_sessions import StoredSessions, people
from tests.engines.fleet import Fleet, running_fleet
from tests.waiting import until
from worker.engines.session_spec import SessionSpec
from worker.engines.words import AskConnected
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox
from worker.whatsapp.port import NotConnected, Uncertain
from worker.whatsapp.stores import PostgresStore

pytestmark = pytest.mark.chaos

SESSIONS, ROUNDS, AN_ENGINE = 20, 15, 7
PATIENCE = 90


class Sender:
    """Sends one text after the other, as a queue does: again what surely did not leave, never the others."""

    def __init__(self, fleet: Fleet, spec: SessionSpec, to: Phone) -> None:
        self.sent: list[str] = []
        self.uncertain: list[str] = []
        self.tries = 0
        self._fleet = fleet
        self._spec = spec
        self._to = to
        self._ending = False
        self.task = asyncio.create_task(self._run())

    def end(self) -> None:
        self._ending = True

    async def _run(self) -> None:
        number = 0
        while not self._ending:
            number += 1
            await self._bring(f"{self._spec.session} {number}")

    async def _bring(self, text: str) -> None:
        while True:
            self.tries += 1
            try:
                await self._fleet.send_text(self._spec, self._to, text)
            except NotConnected:
                await asyncio.sleep(0.05)
            except Uncertain:
                self.uncertain.append(text)
                await asyncio.sleep(0.05)
                return
            else:
                self.sent.append(text)
                return


async def all_back(fleet: Fleet, sessions: StoredSessions) -> None:
    async def back() -> bool:
        for spec in sessions.specs:
            try:
                answer = await fleet.engines.ask(spec.session, AskConnected())
            except NotConnected:
                return False
            if not answer.connected:
                return False
        return True

    await until(back, within=PATIENCE)


async def test_15_kills_while_20_sessions_send_lose_nothing_and_send_nothing_twice(
    sandbox: Sandbox, store: PostgresStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    pool, chance, began = {"spares": 1}, random.Random(), time.monotonic()
    async with running_fleet(sandbox, tmp_path, sessions_max=AN_ENGINE, pool=pool) as fleet:
        sessions = await StoredSessions.paired(sandbox, fleet, store, SESSIONS)
        friends = await people(sandbox, SESSIONS)
        for spec in sessions.specs:
            fleet.engines.start(spec)
        for spec in sessions.specs:
            await fleet.state(spec, SessionState.CONNECTED)
        senders = [Sender(fleet, spec, to) for spec, to in zip(sessions.specs, friends, strict=True)]
        victims, slowest = 0, 0.0
        for _ in range(ROUNDS):
            await at_work(senders, chance.randint(5, 60))
            engine = chance.choice([each for each in fleet.engines.pool.engines if each.sessions])
            victims += len(engine.sessions)
            killed = time.monotonic()
            os.kill(engine.process.pid, signal.SIGKILL)
            await asyncio.wait_for(engine.gone.wait(), PATIENCE)
            await all_back(fleet, sessions)
            slowest = max(slowest, time.monotonic() - killed)
            fleet.forget()
            for spec in sessions.specs:
                # As if the deaths were hours apart: nobody is to be suspected of them.
                fleet.engines.pool.forgive(spec.session)
        for sender in senders:
            sender.end()
        await asyncio.wait_for(asyncio.gather(*(sender.task for sender in senders)), PATIENCE)
        assert set(fleet.engines.sessions) == {spec.session for spec in sessions.specs}
    heard = Counter(message.text for friend in friends for message in friend.inbox)
    sent = [text for sender in senders for text in sender.sent]
    uncertain = [text for sender in senders for text in sender.uncertain]
    assert [text for text in sent if heard[text] != 1] == []
    assert [text for text, times in heard.items() if times > 1] == []
    assert set(heard) <= {*sent, *uncertain}
    with capsys.disabled():
        arrived = sum(text in heard for text in uncertain)
        print(f"\n{ROUNDS} kills hit {victims} sessions in {time.monotonic() - began:.0f} s with set-up")
        print(f"{len(sent)} messages sent, {len(uncertain)} uncertain, of which {arrived} had arrived")
        print(f"all sessions were back {slowest:.1f} s after the worst kill")


async def at_work(senders: list[Sender], more: int) -> None:
    """A kill is to fall into the middle of sending."""
    wanted = sum(len(sender.sent) for sender in senders) + more

    async def done() -> bool:
        assert not any(sender.task.done() for sender in senders), [s.task for s in senders if s.task.done()]
        return sum(len(sender.sent) for sender in senders) >= wanted

    await until(done, within=PATIENCE)
