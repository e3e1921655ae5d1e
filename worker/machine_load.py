"""How busy this machine is, or the part of it that this container was given."""

import os
import time
from pathlib import Path

_PROC = Path("/proc")
_GROUP = Path("/sys/fs/cgroup")


class MachineLoad:
    """In per cent. Processor time is that since the last look, so that one peak does not count for ever."""

    def __init__(self, proc: Path = _PROC, group: Path = _GROUP) -> None:
        self._proc = proc
        self._group = group
        self._last = self._processor_time()

    def cpu(self) -> float:
        busy, total = self._processor_time()
        busy_before, total_before = self._last
        if total <= total_before:
            return 0.0
        self._last = (busy, total)
        return _percent(busy - busy_before, total - total_before)

    def memory(self) -> float:
        limit, used = _number(self._group / "memory.max"), _number(self._group / "memory.current")
        if limit and used is not None:
            return _percent(used, limit)
        rows = (line.split() for line in _text(self._proc / "meminfo").splitlines())
        kilobytes = {row[0]: int(row[1]) for row in rows if len(row) >= 2 and row[1].isdigit()}
        total = kilobytes.get("MemTotal:", 0)
        return _percent(total - kilobytes.get("MemAvailable:", total), total)

    def _processor_time(self) -> tuple[float, float]:
        """Busy, and what there was to be had."""
        share = self._share()
        used = dict(line.split(maxsplit=1) for line in _text(self._group / "cpu.stat").splitlines())
        if share is not None and used.get("usage_usec", "").isdigit():
            return int(used["usage_usec"]) / 1e6, time.monotonic() * share
        first = _text(self._proc / "stat").partition("\n")[0].split()[1:]
        ticks = [int(field) for field in first]
        idle = sum(ticks[3:5])
        return sum(ticks[:8]) - idle, sum(ticks[:8])

    def _share(self) -> float | None:
        """Processors that this container may use; None where nobody has set a limit."""
        quota, _, period = _text(self._group / "cpu.max").strip().partition(" ")
        if not quota.isdigit() or not period.isdigit():
            return None
        return min(int(quota) / int(period), float(os.cpu_count() or 1))


def _percent(part: float, whole: float) -> float:
    return round(min(100.0, max(0.0, 100.0 * part / whole)), 1) if whole > 0 else 0.0


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
