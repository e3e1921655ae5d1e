"""The worker as a process: it starts, says what it waits for, and ends when told."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from tests.agent.stand_in import running_stand_in
from tests.surroundings import without_settings

GOOD = {
    "WAYPOST_CONTROL_PLANE_URL": "http://127.0.0.1:1",
    "WAYPOST_JOIN_TOKEN": "canary-join-token-0123456789",
    "WAYPOST_WORKER_ID": "Worker_One",
}


async def start(folder: Path, **changes: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "worker",
        env=without_settings() | GOOD | {"WAYPOST_DATA_DIR": str(folder)} | changes,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def line_with(process: asyncio.subprocess.Process, text: str) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(20):
        while text not in (line := (await process.stdout.readline()).decode()):
            assert line, f"the worker ended without {text!r}"
            assert GOOD["WAYPOST_JOIN_TOKEN"] not in line
    return line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_asks_again_until_the_control_plane_takes_it(number: signal.Signals, tmp_path: Path):
    async with running_stand_in() as plane:
        plane.refusals["register"] = [(503, "not_ready"), None]
        process = await start(tmp_path, WAYPOST_CONTROL_PLANE_URL=plane.url)
        assert "status 503" in await line_with(process, "control_plane_not_ready")
        assert "worker-one" in await line_with(process, "worker_registered")
        process.send_signal(number)
        async with asyncio.timeout(20):
            assert await process.wait() == 0


async def test_a_refusal_is_told_in_clear_words(tmp_path: Path):
    async with running_stand_in() as plane:
        plane.refusals["register"] = [(409, "duplicate_endpoint")]
        process = await start(tmp_path, WAYPOST_CONTROL_PLANE_URL=plane.url)
        assert "duplicate_endpoint" in await line_with(process, "registration_refused")
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            assert await process.wait() == 0


async def test_a_control_plane_that_has_gone_does_not_hold_up_its_end(tmp_path: Path):
    async with running_stand_in() as plane:
        process = await start(tmp_path, WAYPOST_CONTROL_PLANE_URL=plane.url)
        await line_with(process, "worker_registered")
    await line_with(process, "heartbeat_not_answered")
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(20):
        assert await process.wait() == 0


async def test_a_second_signal_ends_it_at_once(tmp_path: Path):
    async with running_stand_in() as plane:
        process = await start(tmp_path, WAYPOST_CONTROL_PLANE_URL=plane.url)
        await line_with(process, "worker_registered")
        plane.hold_heartbeats()
        process.send_signal(signal.SIGTERM)
        await line_with(process, "worker_drains")
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            assert await process.wait() == 1


async def test_a_port_that_is_taken_is_named(tmp_path: Path):
    async with running_stand_in() as plane:
        port = plane.url.rpartition(":")[2]
        process = await start(tmp_path, WAYPOST_WORKER_PORT=port)
        _, errors = await process.communicate()
    assert process.returncode == 1
    assert f"WAYPOST_WORKER_PORT: nothing can listen on 127.0.0.1:{port}" in errors.decode()


async def test_an_address_that_nobody_can_call_is_refused(tmp_path: Path):
    process = await start(tmp_path, WAYPOST_WORKER_HOST="0.0.0.0", WAYPOST_WORKER_LABELS="eu")  # noqa: S104
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert "WAYPOST_WORKER_ENDPOINT: is not set" in errors.decode()
    assert "WAYPOST_WORKER_LABELS: must be a list such as region=eu" in errors.decode()


async def test_a_control_plane_that_is_not_there_yet_is_waited_for(tmp_path: Path):
    process = await start(tmp_path)
    for _ in range(3):
        assert "ConnectError" in await line_with(process, "control_plane_not_ready")
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(20):
        assert await process.wait() == 0


@pytest.mark.parametrize("name", GOOD)
async def test_a_missing_setting_is_named(name: str, tmp_path: Path):
    process = await start(tmp_path, **{name: ""})
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert f"{name}: is not set" in errors.decode()


async def test_a_second_worker_in_the_same_folder_says_so_and_ends(tmp_path: Path):
    first = await start(tmp_path)
    await line_with(first, "control_plane_not_ready")
    second = await start(tmp_path)
    _, errors = await asyncio.wait_for(second.communicate(), 60)
    assert second.returncode == 1
    assert "in use by another worker" in errors.decode()
    first.send_signal(signal.SIGTERM)
    async with asyncio.timeout(20):
        assert await first.wait() == 0
