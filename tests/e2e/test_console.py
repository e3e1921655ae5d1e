"""The README's page about WhatsApp without a phone, as it is written there."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.surroundings import without_settings

ROOT = Path(__file__).parents[2]


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```sh {kind}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


@asynccontextmanager
async def running(folder: Path, script: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """In a folder that looks like a checkout, and gone afterwards."""
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", f"exec {script}"),
        cwd=folder,
        env=without_settings() | {"PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def line_with(process: asyncio.subprocess.Process, text: str) -> str:
    assert process.stdout is not None
    seen = []
    async with asyncio.timeout(60):
        while line := (await process.stdout.readline()).decode():
            if text in line:
                return line.strip()
            seen.append(line)
    raise AssertionError(f"it ended without {text!r}: {seen}")


async def run(folder: Path, script: str, **environment: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", "set -euo pipefail\n" + script),
        cwd=folder,
        env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = (await asyncio.wait_for(process.communicate(), 60))[0].decode()
    assert process.returncode == 0, output
    return output


async def test_a_session_end_to_end_with_no_phone(tmp_path: Path):
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (console_script,) = blocks("console")
    first, second = blocks("phones")
    network = f"{sys.executable} -m worker.sandbox --data .waypost/sandbox"
    async with running(tmp_path, network) as sandbox:
        await line_with(sandbox, "WAYPOST_SANDBOX_CONTROL_URL")
        async with running(tmp_path, console_script.strip()) as console:
            assert console.stdin is not None
            code = (await line_with(console, "https://wa.me/")).partition(": ")[2]
            await run(tmp_path, first, QR=code)
            await line_with(console, "state connected")
            definitions = first.partition('phone ""')[0]
            console.stdin.write(b"send 4915550000002 hello Ben\n")
            inbox = await run(tmp_path, definitions + second)
            assert '"text":"hello Ben"' in inbox
            assert "from +4915550000002: hello Anna" in await line_with(console, "message ")
            console.stdin.write(b"quit\n")
            assert await asyncio.wait_for(console.wait(), 30) == 0
        # The pairing stays: a second start needs no scan.
        async with running(tmp_path, console_script.strip()) as console:
            assert console.stdin is not None
            await line_with(console, "state connected")
            console.stdin.write(b"logout\n")
            await line_with(console, "state logged_out")
            console.stdin.write(b"quit\n")
            assert await asyncio.wait_for(console.wait(), 30) == 0
    log = (tmp_path / ".waypost/console/console.log").read_text()
    assert not re.search(r"49155500000\d\d|hello Ben|hello Anna", log)


async def test_a_record_of_no_running_network_is_refused(tmp_path: Path):
    script = f"{sys.executable} -m worker console --sandbox nowhere.json"
    async with running(tmp_path, script) as console:
        assert "tells of no running network" in await line_with(console, "--sandbox")
        assert await asyncio.wait_for(console.wait(), 30) == 2
