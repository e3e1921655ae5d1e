"""What the benchmarks say of themselves, and the arithmetic of theirs that a glance does not check."""

import pytest

from tests.bench.__main__ import BENCHMARKS, ONLY_NAMED, main
from tests.bench.fleet_watch import away


def test_the_list_names_each_benchmark_and_says_which_run_only_when_named(capsys: pytest.CaptureFixture[str]):
    assert main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(BENCHMARKS)
    assert {line.split()[0] for line in lines if line.endswith("(only when named)")} == ONLY_NAMED
    assert {"engine", "fleet"} <= ONLY_NAMED


def test_a_device_is_away_from_the_end_of_its_connection_to_the_next_one():
    entries = [_entry("offline", 1), _entry("message", 2), _entry("online", 4)]
    assert away(entries) == [3.0]


def test_a_device_that_goes_twice_is_away_for_both_times():
    entries = [_entry("offline", 1), _entry("online", 2), _entry("offline", 10), _entry("online", 15)]
    assert away(entries) == [6.0]


def test_a_device_whose_old_connection_ends_after_the_new_one_began_was_not_away():
    assert away([_entry("online", 1), _entry("offline", 2)]) == []


def test_each_device_counts_for_itself():
    entries = [_entry("offline", 1, "1:1"), _entry("offline", 1, "2:1"), _entry("online", 2, "2:1")]
    assert away([*entries, _entry("online", 9, "1:1")]) == [1.0, 8.0]


def _entry(kind: str, second: int, device: str = "491510000001:1") -> dict[str, str]:
    return {"kind": kind, "device": device, "at": f"2026-01-01T00:00:{second:02}Z"}
