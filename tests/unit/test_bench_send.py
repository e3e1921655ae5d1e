"""The arithmetic of the benchmark of sending, which its figures do not show to be right."""

import asyncio

from tests.bench.idleness import Idleness
from tests.bench.send_meter import PARTS, of_each
from tests.bench.send_overhead import spread
from tests.bench.send_pace import paced


async def test_a_pace_is_kept_whether_what_was_begun_has_ended_or_not():
    all_have_begun = asyncio.Event()
    begun: list[int] = []

    async def work() -> int:
        begun.append(len(begun))
        if len(begun) == 5:
            all_have_begun.set()
        await all_have_begun.wait()
        return len(begun)

    async with asyncio.timeout(10):
        assert await paced([work], per_second=500, seconds=0.01) == [5] * 5


async def test_those_that_send_take_turns():
    turns: list[str] = []

    async def work(name: str) -> None:
        turns.append(name)

    await paced([lambda: work("a"), lambda: work("b")], per_second=1000, seconds=0.004)
    assert turns == ["a", "b", "a", "b"]


def test_what_all_parts_used_is_shared_out_among_the_messages():
    before = dict.fromkeys(PARTS, 100.0) | {"redis": 7.0}
    after = dict.fromkeys(PARTS, 300.0) | {"redis": 27.0}
    found = of_each(before, after, 10)
    assert found["api"] == 20
    assert found["redis"] == 2
    assert found["all"] == 20 * len(PARTS)


def test_a_spread_is_in_milliseconds_and_of_values_that_were_measured():
    assert spread("own", [number / 1000 for number in range(100)]) == {"own_p50_ms": 50.0, "own_p99_ms": 99.0}


def test_where_nothing_was_measured_there_is_no_figure():
    assert spread("engine", []) == {"engine_p50_ms": None, "engine_p99_ms": None}


def test_a_machine_is_idle_in_part_or_cannot_tell():
    idle = Idleness().per_cent()
    assert idle is None or 0 <= idle <= 100
