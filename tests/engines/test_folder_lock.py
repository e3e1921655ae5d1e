"""One worker for a folder, and only when no engine of an earlier one is left."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from worker.engines.folder_lock import FolderInUse, lock_engines


async def test_a_second_worker_is_told_that_the_folder_is_in_use(tmp_path: Path):
    first = await lock_engines(tmp_path)
    with pytest.raises(FolderInUse, match="in use by another worker"):
        await lock_engines(tmp_path, patience=0.1)
    os.close(first)
    os.close(await lock_engines(tmp_path, patience=0.1))


async def test_an_engine_that_outlives_its_worker_holds_the_lock_until_it_ends(tmp_path: Path):
    descriptor = await lock_engines(tmp_path)
    engine = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "import sys; sys.stdin.read()"),
        stdin=asyncio.subprocess.PIPE,
        pass_fds=(descriptor,),
    )
    os.close(descriptor)
    try:
        with pytest.raises(FolderInUse):
            await lock_engines(tmp_path, patience=0.1)
        waiting = asyncio.create_task(lock_engines(tmp_path))
        engine.kill()
        os.close(await asyncio.wait_for(waiting, 10))
    finally:
        if engine.returncode is None:
            engine.kill()
        await engine.communicate()
