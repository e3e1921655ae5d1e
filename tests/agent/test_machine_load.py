"""Load in per cent: of the container where it has limits, else of the machine."""

from pathlib import Path

from worker.machine_load import MachineLoad

MEMINFO = "MemTotal:       1000 kB\nMemFree:   100 kB\nMemAvailable:    250 kB\nHugePages_Total: none\n"


def test_of_the_machine(tmp_path: Path):
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 2 3 4\n")
    (tmp_path / "meminfo").write_text(MEMINFO)
    load = MachineLoad(tmp_path, tmp_path / "no group")
    stat.write_text("cpu  130 0 120 740 110 0 0 0 0 0\ncpu0 1 2 3 4\n")
    assert (load.cpu(), load.memory()) == (50.0, 75.0)


def test_without_new_ticks_it_says_nothing(tmp_path: Path):
    (tmp_path / "stat").write_text("cpu  100 0 100 700 100 0 0 0 0 0\n")
    assert MachineLoad(tmp_path, tmp_path).cpu() == 0.0


def test_of_the_container(tmp_path: Path):
    group = tmp_path / "group"
    group.mkdir()
    (group / "cpu.max").write_text("50000 100000\n")
    (group / "cpu.stat").write_text("usage_usec 1000000\nuser_usec 1\n")
    (group / "memory.max").write_text("1000\n")
    (group / "memory.current").write_text("400\n")
    load = MachineLoad(tmp_path, group)
    # Far more than was to be had since the last look.
    (group / "cpu.stat").write_text("usage_usec 900000000\nuser_usec 1\n")
    assert (load.cpu(), load.memory()) == (100.0, 40.0)


def test_a_container_without_limits_is_as_busy_as_the_machine(tmp_path: Path):
    group = tmp_path / "group"
    group.mkdir()
    (group / "cpu.max").write_text("max 100000\n")
    (group / "memory.max").write_text("max\n")
    (tmp_path / "stat").write_text("cpu  0 0 0 0 0 0 0 0 0 0\n")
    (tmp_path / "meminfo").write_text(MEMINFO)
    assert MachineLoad(tmp_path, group).memory() == 75.0


def test_where_nothing_can_be_read_it_is_nought(tmp_path: Path):
    load = MachineLoad(tmp_path, tmp_path)
    assert (load.cpu(), load.memory()) == (0.0, 0.0)
