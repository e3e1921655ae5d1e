"""python -m worker.sandbox: what a person who tries it meets."""

import asyncio
import sys
from pathlib import Path

from tests.sandbox.client import ROOT


async def test_help_names_the_options_at_once() -> None:
    process = await _start("--help")
    output, _ = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0
    assert b"--data" in output
    assert b"--port" in output


async def test_it_says_how_to_reach_it_and_ends_in_order(tmp_path: Path) -> None:
    first, second = [await _settings_of_one_run(tmp_path / "data") for _ in range(2)]
    assert first["WAYPOST_SANDBOX_PROXY"].startswith("http://127.0.0.1:")
    assert first["WAYPOST_SANDBOX_CA"] == str(tmp_path / "data" / "certificate.pem")
    assert len(bytes.fromhex(first["WAYPOST_SANDBOX_ROOT_KEY"])) == 32
    # The same folder is the same network.
    assert first["WAYPOST_SANDBOX_ROOT_KEY"] == second["WAYPOST_SANDBOX_ROOT_KEY"]


async def _settings_of_one_run(data: Path) -> dict[str, str]:
    process = await _start("--data", str(data))
    assert process.stdout
    lines = [(await asyncio.wait_for(process.stdout.readline(), 20)).decode().strip() for _ in range(3)]
    process.terminate()
    await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0
    return dict(line.split("=", 1) for line in lines)


async def _start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "worker.sandbox", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=ROOT,
    )
