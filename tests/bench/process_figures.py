"""What processes cost: memory by the kernel's own count, and processor time of whole families."""

import os
from pathlib import Path

import asyncpg

from tests.bench.tables import Figures

_KINDS = {"rss": ("Rss",), "pss": ("Pss",), "private": ("Private_Clean", "Private_Dirty")}


def memory_mib(*pids: int) -> dict[str, float]:
    """Summed; of PSS a page that several share counts for each in part."""
    found = dict.fromkeys(_KINDS, 0.0)
    for pid in pids:
        kib = _rollup(pid)
        for name, lines in _KINDS.items():
            found[name] += sum(kib.get(line, 0) for line in lines) / 1024
    return found


def _rollup(pid: int) -> dict[str, int]:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}


def family_seconds(parent: int) -> float:
    """Of a process, its children and those of its children that have ended."""
    ticks = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        fields = _stat(int(entry.name))
        if fields and int(entry.name) == parent:
            ticks += sum(int(fields[place]) for place in (11, 12, 13, 14))
        elif fields and int(fields[1]) == parent:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


async def postmaster(url: str) -> int:
    """The parent of whoever serves our connection."""
    connection = await asyncpg.connect(url)
    try:
        fields = _stat(await connection.fetchval("SELECT pg_backend_pid()"))
    finally:
        await connection.close()
    return int(fields[1])


def shares(before: Figures, after: Figures, seconds: float) -> dict[str, float | None]:
    """Per cent of one core."""
    return {name: ((after[name] or 0) - (was or 0)) / seconds * 100 for name, was in before.items()}


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
