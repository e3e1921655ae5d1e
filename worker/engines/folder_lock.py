"""One worker for a data folder, and no engine of an earlier one left: a lock that engines hold with us."""

import asyncio
import fcntl
import os
import time
from pathlib import Path

_LOOK_EVERY = 0.05


class FolderInUse(Exception):  # noqa: N818 (it is in use, and nobody did wrong)
    """Another worker runs here, or an engine of an earlier one does not end."""


async def lock_engines(data_dir: Path, patience: float = 5.0) -> int:
    """The descriptor, for engines to inherit: the lock is free when we and all of them are gone."""
    descriptor = _open(data_dir)
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() > end:
                os.close(descriptor)
                advice = "Stop it, or give this one another WAYPOST_DATA_DIR."
                raise FolderInUse(f"{data_dir} is in use by another worker. {advice}") from None
        # The kernel tells nobody when a lock is free, other than by a call that blocks.
        await asyncio.sleep(_LOOK_EVERY)


def _open(data_dir: Path) -> int:
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(data_dir / "engines.lock", os.O_CREAT | os.O_RDWR, 0o600)
