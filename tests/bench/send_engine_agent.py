"""The engine by itself, as a process that loads no more than a worker does; asked on standard input.

A line of JSON for each question; the first one says where everything is. It ends when its input ends.
"""

import asyncio
import json
import logging
import sys
from functools import partial
from typing import Any

# A whole worker is in memory, not the fleet alone.
import worker.node  # noqa: F401
from shared.redaction import Secret
from tests.bench import engine_load
from tests.bench.engine_crew import PATIENCE, Crew, running
from tests.bench.engine_sessions import Linked, link
from tests.bench.process_figures import postmaster
from tests.bench.send_emulator import SharedEmulator
from tests.bench.send_pace import paced
from tests.bench.stopwatch import timed
from tests.waiting import until
from worker.whatsapp.port import NotConnected
from worker.whatsapp.stores import PostgresStore

_TRIES = 3


async def run() -> None:
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    place = json.loads(await reader.readline())
    async with SharedEmulator(place["network"], place["pid"]) as emulator:
        linked = await link(emulator, PostgresStore(Secret(place["store"])), place["sessions"], _say_nothing)
        async with running(emulator) as crew:
            await crew.start([each.spec for each in linked])
            await engine_load.get_acquainted(crew, linked)
            parent = await postmaster(place["store"])
            _answer(None)
            while line := await reader.readline():
                _answer(await _measured(crew, linked, parent, json.loads(line)))


async def _measured(crew: Crew, linked: list[Linked], parent: int, asked: dict[str, Any]) -> Any:
    """A connection that breaks meanwhile, as on a machine that is too busy, spoils the figures: once more."""
    some = linked[: asked["sessions"]]
    for _ in range(_TRIES - 1):
        await _all_can_send(crew, some)
        try:
            return await _measured_once(crew, some, parent, asked)
        except NotConnected:
            # What the other sessions have begun ends by itself.
            await asyncio.sleep(asked["seconds"])
    return await _measured_once(crew, some, parent, asked)


async def _measured_once(crew: Crew, some: list[Linked], parent: int, asked: dict[str, Any]) -> Any:
    if "pace" not in asked:
        await engine_load.measure(crew, some, asked["warm_up"], None)
        return await engine_load.measure(crew, some, asked["seconds"], parent)
    sends = [partial(crew.send, each.spec, each.recipient, engine_load.TEXT) for each in some]
    taken = await paced([timed(send) for send in sends], asked["pace"], asked["seconds"])
    return [seconds for seconds, _ in taken]


async def _all_can_send(crew: Crew, linked: list[Linked]) -> None:
    async def sent(each: Linked) -> bool:
        try:
            await crew.send(each.spec, each.recipient, "still there?")
        except NotConnected:
            return False
        return True

    await asyncio.gather(*(until(partial(sent, each), within=PATIENCE) for each in linked))


def _answer(said: Any) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def _say_nothing(_: str) -> None:
    """Standard output belongs to the answers."""


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(run())
