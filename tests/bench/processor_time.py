"""How long a process has kept a processor busy: a figure that other work on the machine hardly touches."""

import os
from pathlib import Path


def processor_seconds(pid: int) -> float | None:
    """Of all its threads, but not of its children; None where the system has no /proc."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    user, system = int(after_name[11]), int(after_name[12])
    return (user + system) / os.sysconf("SC_CLK_TCK")
