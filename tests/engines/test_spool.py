"""The spool: what is told is on the disk, in order, until it was shipped."""

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

from shared.contracts.told import PresenceSeen
from shared.ids import Epoch, new_uuid
from tests.waiting import until
from worker.spool import Lane, Spool

SESSION = str(new_uuid())


def seen(number: int) -> PresenceSeen:
    return PresenceSeen(sender="1@lid", available=True, last_seen=number)


async def test_what_was_appended_is_there_after_a_restart_in_its_order(tmp_path: Path):
    async with Spool(tmp_path / "spool.sqlite3") as spool:
        written = [spool.append(SESSION, Epoch(3), seen(number)) for number in range(200)]
        positions = [await one for one in written]
    assert positions == sorted(set(positions))
    async with Spool(tmp_path / "spool.sqlite3") as again:
        events = await again.read(limit=1000)
    assert [event.told for event in events] == [seen(number) for number in range(200)]
    assert {(event.session, event.epoch) for event in events} == {(SESSION, 3)}
    assert [event.position for event in events] == positions


async def test_trimmed_events_are_gone_and_their_positions_never_come_back(tmp_path: Path):
    async with Spool(tmp_path / "spool.sqlite3") as spool:
        last = await spool.append(SESSION, Epoch(1), seen(1))
        await spool.trim(last)
        assert await spool.count() == 0
    async with Spool(tmp_path / "spool.sqlite3") as again:
        assert await again.append(SESSION, Epoch(1), seen(2)) > last
        assert [event.told for event in await again.read(after=last)] == [seen(2)]


async def test_what_is_appended_while_others_are_trimmed_or_set_aside_is_counted(tmp_path: Path):
    async with Spool(tmp_path / "spool.sqlite3") as spool:
        first = await spool.append(SESSION, Epoch(1), seen(1))
        second = await spool.append(SESSION, Epoch(1), seen(2))
        for shorten in (spool.trim(first), spool.set_aside(second, Lane.NEWS)):
            under_way = asyncio.create_task(shorten)
            await asyncio.sleep(0)
            await spool.append(SESSION, Epoch(1), seen(3))
            await under_way
        assert (spool.waiting(Lane.NEWS), await spool.count()) == (2, 2)


async def test_reading_goes_on_behind_a_position(tmp_path: Path):
    async with Spool(tmp_path / "spool.sqlite3") as spool:
        for number in range(10):
            last = spool.append(SESSION, Epoch(1), seen(number))
        await last
        first = await spool.read(limit=4)
        rest = await spool.read(after=first[-1].position, limit=100)
    assert [event.told for event in first + rest] == [seen(number) for number in range(10)]


async def test_a_killed_process_loses_nothing_that_was_called_written(tmp_path: Path):
    child = f"""
import asyncio, os, signal
from pathlib import Path
from tests.engines.test_spool import SESSION, seen
from tests.waiting import until
from worker.spool import Spool
from shared.ids import Epoch
async def main():
    async with Spool(Path({str(tmp_path / "spool.sqlite3")!r})) as spool:
        for number in range(1000):
            written = spool.append(SESSION, Epoch(1), seen(number))
            if number == 500:
                await written
                os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", child], check=False)
    async with Spool(tmp_path / "spool.sqlite3") as spool:
        events = await spool.read(limit=2000)
    assert [event.told for event in events][:501] == [seen(number) for number in range(501)]


async def test_a_broken_file_is_kept_aside_and_a_new_one_begun(tmp_path: Path):
    path = tmp_path / "spool.sqlite3"
    path.write_bytes(b"no database at all" * 100)
    async with Spool(path) as spool:
        await spool.append(SESSION, Epoch(1), seen(1))
    assert kept_aside(tmp_path) == ["spool.sqlite3.broken"]


def kept_aside(folder: Path) -> list[str]:
    return [file.name.partition("-")[0] for file in folder.glob("*.broken-*")]


async def test_a_file_of_another_release_is_kept_aside_too(tmp_path: Path):
    path = tmp_path / "spool.sqlite3"
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    async with Spool(path) as spool:
        assert await spool.count() == 0


async def test_while_the_disk_refuses_events_wait_and_are_written_afterwards(tmp_path: Path):
    async with Spool(tmp_path / "spool.sqlite3") as spool:
        await spool.append(SESSION, Epoch(1), seen(0))
        blocker = sqlite3.connect(tmp_path / "spool.sqlite3", isolation_level=None)
        blocker.execute("CREATE TRIGGER no BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'full'); END")
        written = spool.append(SESSION, Epoch(1), seen(1))
        await until(lambda: _troubled(spool))
        assert not written.done()
        blocker.execute("DROP TRIGGER no")
        blocker.close()
        await asyncio.wait_for(written, 20)
        assert (spool.trouble, await spool.count()) == ("", 2)


async def _troubled(spool: Spool) -> bool:
    return bool(spool.trouble)


async def test_nobody_else_may_read_it(tmp_path: Path):
    async with Spool(tmp_path / "inner" / "spool.sqlite3"):
        assert (tmp_path / "inner" / "spool.sqlite3").stat().st_mode & 0o777 == 0o600
