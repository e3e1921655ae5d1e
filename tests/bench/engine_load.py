"""Messages a second: each session sends to a person of its own, one message after the other."""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence

from tests.bench.engine_crew import Crew
from tests.bench.engine_sessions import Linked
from tests.bench.process_figures import family_seconds, shares
from tests.bench.processor_time import processor_seconds
from tests.bench.tables import Figures, percentile

TEXT = "The parcel is on its way and arrives tomorrow between nine and eleven."


async def get_acquainted(crew: Crew, linked: Sequence[Linked]) -> None:
    """Both directions of each Signal session, so that what is measured is not the first message of a life."""

    async def one(each: Linked) -> None:
        await crew.send(each.spec, each.recipient, "hello")
        for writer, to in ((each.recipient, each.number), (each.number, each.recipient)):
            heard = crew.next(each.spec, "message")
            await crew.emulator.ask("write", number=writer, to=to, text="hello yourself")
            async with asyncio.timeout(30):
                await heard

    for some in (linked[at : at + 5] for at in range(0, len(linked), 5)):
        await asyncio.gather(*(one(each) for each in some))


async def measure(crew: Crew, linked: Sequence[Linked], seconds: float, postmaster: int | None) -> Figures:
    """Every message that was answered must stand in the network's journal, once."""
    *_, position = await crew.emulator.ask("accepted", after=0)
    before, began = _processor(crew, postmaster), time.perf_counter()
    taken = await _send_for(crew, linked, seconds)
    lasted, after = time.perf_counter() - began, _processor(crew, postmaster)
    accepted, different, _ = await crew.emulator.ask("accepted", after=position)
    assert accepted == different == len(taken), (accepted, different, len(taken))
    ordered = sorted(taken)
    return {
        "per_second": len(taken) / lasted,
        "p50_ms": percentile(ordered, 0.5) * 1000,
        "p99_ms": percentile(ordered, 0.99) * 1000,
        **shares(before, after, lasted),
    }


async def _send_for(crew: Crew, linked: Sequence[Linked], seconds: float) -> list[float]:
    taken: list[float] = []
    now = time.perf_counter
    end = now() + seconds

    async def send(each: Linked) -> None:
        while (began := now()) < end:
            await crew.send(each.spec, each.recipient, TEXT)
            taken.append(now() - began)

    await asyncio.gather(*(send(each) for each in linked))
    return taken


def _processor(crew: Crew, postmaster: int | None) -> Mapping[str, float]:
    return {
        "engines": sum(processor_seconds(pid) or 0 for pid in crew.pids),
        "agent": processor_seconds(os.getpid()) or 0,
        "emulator": processor_seconds(crew.emulator.pid) or 0,
        "postgres": family_seconds(postmaster) if postmaster is not None else 0,
    }
