"""The worker as a process: it starts, says what it waits for, and ends when told."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

GOOD = {
    "WAYPOST_CONTROL_PLANE_URL": "http://127.0.0.1:1",
    "WAYPOST_JOIN_TOKEN": "canary-join-token-0123456789",
    "WAYPOST_WORKER_ID": "Worker_One",
}


async def start(folder: Path, **changes: str) -> asyncio.subprocess.Process:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WAYPOST_")}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "worker",
        env=environment | GOOD | {"WAYPOST_DATA_DIR": str(folder)} | changes,
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
async def test_it_asks_again_until_the_control_plane_answers(number: signal.Signals, tmp_path: Path):
    ready = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        status = b"200 OK" if ready.is_set() else b"503 Service Unavailable"
        writer.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    process = await start(tmp_path, WAYPOST_CONTROL_PLANE_URL=f"http://127.0.0.1:{port}")
    assert "status 503" in await line_with(process, "control_plane_not_ready")
    ready.set()
    assert "worker-one" in await line_with(process, "worker_idle")
    process.send_signal(number)
    async with asyncio.timeout(10):
        assert await process.wait() == 0
    server.close()
    await server.wait_closed()


async def test_a_control_plane_that_is_not_there_yet_is_waited_for(tmp_path: Path):
    process = await start(tmp_path)
    for _ in range(3):
        assert "ConnectError" in await line_with(process, "control_plane_not_ready")
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(10):
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
    async with asyncio.timeout(10):
        assert await first.wait() == 0
