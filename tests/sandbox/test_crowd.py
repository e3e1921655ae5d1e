"""Many clients at once on one network, and what that costs the network."""

import asyncio
import os
import resource
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.sandbox.client import Client, running_child
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox

MESSAGES = 5


async def test_a_handful_of_clients_each_get_every_message(tmp_path: Path) -> None:
    await everybody_hears(tmp_path, 3)


@pytest.mark.chaos
async def test_two_hundred_clients_each_get_every_message(tmp_path: Path) -> None:
    """About four minutes, most of them spent by the clients on making keys."""
    await everybody_hears(tmp_path, 200)


async def everybody_hears(folder: Path, size: int) -> None:
    async with Sandbox(folder / "network") as sandbox, crowd(sandbox, folder, size) as (clients, phones):
        ben = await sandbox.network.new_phone("4915558888888", "Ben")
        print(f"{size} clients connected: {_figures()}")
        waiting = asyncio.create_task(clients.call("receive", count=MESSAGES, within=300))
        started, busy = time.perf_counter(), time.process_time()
        for number in range(MESSAGES):
            for phone in phones:
                await ben.send_text(phone, f"message {number}")
            # The clients must get a word in between.
            await asyncio.sleep(0)
        heard = await waiting
        seconds, busy = time.perf_counter() - started, time.process_time() - busy
        print(f"{size * MESSAGES} messages in {seconds:.1f} s, network busy for {busy:.1f} s: {_figures()}")
        assert heard["most"] == MESSAGES
        assert len(sandbox.network.online) == size


@asynccontextmanager
async def crowd(sandbox: Sandbox, folder: Path, size: int) -> AsyncIterator[tuple[Client, list[Phone]]]:
    """Each client is the companion of a phone of its own."""
    phones = [await sandbox.network.new_phone(f"49155588{number:05}") for number in range(size)]
    async with running_child("crowd_child", sandbox, folder, stores=str(folder), size=size) as clients:
        pairing = asyncio.create_task(clients.call("pair", within=60 + 5 * size))
        for phone in phones:
            await phone.scan((await clients.event("qr", within=60))["data"])
        await pairing
        yield clients, phones


def _figures() -> str:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    used = resource.getrusage(resource.RUSAGE_SELF)
    return (
        f"{pages * os.sysconf('SC_PAGE_SIZE') >> 20} MiB, {used.ru_utime + used.ru_stime:.1f} s of processor"
    )
