"""How much of the machine nobody used, whoever else works on it: whether the processor was the limit."""

from pathlib import Path


class Idleness:
    """From its making to the question."""

    def __init__(self) -> None:
        self._idle, self._all = _ticks()

    def per_cent(self) -> float | None:
        """None where the system does not tell."""
        idle, everything = _ticks()
        passed = everything - self._all
        return (idle - self._idle) / passed * 100 if passed else None


def _ticks() -> tuple[int, int]:
    try:
        first, *_ = Path("/proc/stat").read_text().splitlines()
    except OSError:
        return 0, 0
    # User, nice, system, idle, waiting for disks, interrupts, stolen; what guests use is in user already.
    ticks = [int(field) for field in first.split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)
