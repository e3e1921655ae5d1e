"""python -m worker.sandbox: what a person who tries it meets."""

import asyncio
import json
import signal
import socket
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests import run_folder
from tests.sandbox.client import ROOT
from tests.surroundings import without_settings

TOKEN = "a-token-from-the-environment"


async def test_help_tells_a_newcomer_what_it_is_and_how_to_try_it() -> None:
    code, output, _ = await _ended("--help")
    assert code == 0
    for word in (
        "--data",
        "--port",
        "--control-port",
        "--control-token-file",
        "--seed",
        "--clock",
        "--log-level",
    ):
        assert word in output
    assert "emulated WhatsApp network" in output
    assert output.count("curl ") == 2
    for printed in ("PROXY", "CA", "ROOT_KEY", "CONTROL_URL", "CONTROL_TOKEN_FILE"):
        assert f"WAYPOST_SANDBOX_{printed} " in output or f"WAYPOST_SANDBOX_{printed}\n" in output


async def test_it_says_how_to_reach_it_and_ends_in_order(tmp_path: Path) -> None:
    data = tmp_path / "data"
    told = []
    for _ in range(2):
        async with _running("--data", str(data)) as (process, settings):
            told.append(settings)
            record = _record(data)
            process.terminate()
            assert await asyncio.wait_for(process.wait(), 60) == 0
        assert not (data / "sandbox.json").exists()
    first, second = told
    assert first["WAYPOST_SANDBOX_PROXY"].startswith("http://127.0.0.1:")
    assert first["WAYPOST_SANDBOX_CA"] == str(data / "certificate.pem")
    assert len(bytes.fromhex(first["WAYPOST_SANDBOX_ROOT_KEY"])) == 32
    # The same folder is the same network, with the same token.
    assert first["WAYPOST_SANDBOX_ROOT_KEY"] == second["WAYPOST_SANDBOX_ROOT_KEY"]
    assert first["WAYPOST_SANDBOX_CONTROL_TOKEN_FILE"] == str(data / "control-token")
    assert (data / "control-token").read_text().strip() == record["controlToken"]
    assert stat.S_IMODE((data / "control-token").stat().st_mode) == 0o600
    assert record == {
        "proxy": second["WAYPOST_SANDBOX_PROXY"],
        "certificate": second["WAYPOST_SANDBOX_CA"],
        "rootKey": second["WAYPOST_SANDBOX_ROOT_KEY"],
        "controlUrl": second["WAYPOST_SANDBOX_CONTROL_URL"],
        "controlToken": record["controlToken"],
    }


async def test_its_record_is_for_its_owner_only_and_its_token_is_never_printed(tmp_path: Path) -> None:
    async with _running("--data", str(tmp_path)) as (process, settings):
        token = _record(tmp_path)["controlToken"]
        assert stat.S_IMODE((tmp_path / "sandbox.json").stat().st_mode) == 0o600
        assert (await _phones(settings, token)).status_code == 200
        process.send_signal(signal.SIGINT)
        output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert token not in "".join([*settings.values(), output.decode(), errors.decode()])


async def test_the_token_comes_from_a_file_or_the_environment(tmp_path: Path) -> None:
    async with _running("--data", str(tmp_path), WAYPOST_SANDBOX_CONTROL_TOKEN=TOKEN) as (_, settings):
        assert "WAYPOST_SANDBOX_CONTROL_TOKEN_FILE" not in settings
        assert (await _phones(settings, TOKEN)).status_code == 200
    file = tmp_path / "token"
    file.write_text("a-token-from-a-file\n")
    options = ("--data", str(tmp_path), "--control-token-file", str(file))
    async with _running(*options, WAYPOST_SANDBOX_CONTROL_TOKEN=TOKEN) as (_, settings):
        assert (await _phones(settings, TOKEN)).status_code == 401
        assert (await _phones(settings, "a-token-from-a-file")).status_code == 200


async def test_seed_and_clock_reach_the_network(tmp_path: Path) -> None:
    opened = []
    for name in ("one", "other"):
        options = ("--data", str(tmp_path / name), "--seed", "7", "--clock", "2030-01-01T00:00:00Z")
        async with (
            _running(*options, WAYPOST_SANDBOX_CONTROL_TOKEN=TOKEN) as (_, settings),
            _control(settings, TOKEN) as control,
        ):
            opened.append((await control.post("/phones", json={})).json())
            assert (await control.get("/health")).json()["startedAt"] == "2030-01-01T00:00:00Z"
    assert opened[0] == opened[1]


@pytest.mark.parametrize(
    "options",
    [
        ("--port", "65536"),
        ("--port", "-1"),
        ("--control-port", "many"),
        ("--clock", "yesterday"),
        ("--clock", "2030-01-01T00:00:00"),
        ("--clock", "9999-01-01T00:00:00Z"),
        ("--log-level", "loud"),
        ("--control-token-file", "/nowhere/token"),
        ("--control-token-file", "."),
        ("--no-such-option",),
    ],
)
async def test_a_wrong_option_is_told_in_one_line(tmp_path: Path, options: tuple[str, ...]) -> None:
    code, output, errors = await _ended("--data", str(tmp_path / "data"), *options)
    assert (code, output) == (2, "")
    (line,) = errors.splitlines()
    assert options[0] in line or options[-1] in line


@pytest.mark.parametrize("token", ["short", "with a space in the middle", "ümläute-ümläute-ümläute"])
async def test_a_weak_token_is_told_in_one_line_and_not_repeated(tmp_path: Path, token: str) -> None:
    code, _, errors = await _ended("--data", str(tmp_path), WAYPOST_SANDBOX_CONTROL_TOKEN=token)
    assert code == 2
    (line,) = errors.splitlines()
    assert "WAYPOST_SANDBOX_CONTROL_TOKEN" in line
    assert token not in line


@pytest.mark.parametrize("option", ["--port", "--control-port"])
async def test_a_taken_port_is_told_in_one_line(tmp_path: Path, option: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, _, errors = await _ended("--data", str(tmp_path), option, port)
    assert code == 1
    (line,) = errors.splitlines()
    assert port in line
    assert not (tmp_path / "sandbox.json").exists()


async def test_a_second_emulator_on_a_folder_is_refused_and_the_first_lives_on(tmp_path: Path) -> None:
    async with _running("--data", str(tmp_path)) as (_, settings):
        before = _record(tmp_path)
        code, _, errors = await _ended("--data", str(tmp_path))
        assert code == 1
        (line,) = errors.splitlines()
        assert f"{tmp_path} is in use by another emulator" in line
        assert _record(tmp_path) == before
        assert (await _phones(settings, before["controlToken"])).status_code == 200


async def test_a_killed_one_keeps_nobody_from_the_folder(tmp_path: Path) -> None:
    async with _running("--data", str(tmp_path)) as (process, killed):
        process.kill()
        await process.wait()
    assert (tmp_path / "sandbox.json").exists()
    async with _running("--data", str(tmp_path)) as (_, settings):
        assert settings["WAYPOST_SANDBOX_ROOT_KEY"] == killed["WAYPOST_SANDBOX_ROOT_KEY"]
        assert _record(tmp_path)["controlUrl"] == settings["WAYPOST_SANDBOX_CONTROL_URL"]


async def test_a_folder_that_cannot_be_one_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, _, errors = await _ended("--data", str(tmp_path / "file"))
    assert code == 1
    assert len(errors.splitlines()) == 1
    assert "--data" in errors


def _record(data: Path) -> dict[str, str]:
    record: dict[str, str] = json.loads((data / "sandbox.json").read_text())
    run_folder.note_secret(record["controlToken"])
    return record


async def _phones(settings: dict[str, str], token: str) -> httpx.Response:
    async with _control(settings, token) as control:
        return await control.get("/phones")


@asynccontextmanager
async def _control(settings: dict[str, str], token: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=settings["WAYPOST_SANDBOX_CONTROL_URL"], headers=headers) as client:
        yield client


@asynccontextmanager
async def _running(
    *options: str, **environment: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict[str, str]]]:
    """The process, and what it has printed when it is ready."""
    process = await _start(*options, **environment)
    try:
        assert process.stdout
        # The last line names the file of the token, if there is one.
        in_a_file = "--control-token-file" in options or "WAYPOST_SANDBOX_CONTROL_TOKEN" not in environment
        printed = [await asyncio.wait_for(process.stdout.readline(), 60) for _ in range(4 + in_a_file)]
        yield process, dict(line.decode().strip().split("=", 1) for line in printed)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _ended(*options: str, **environment: str) -> tuple[int | None, str, str]:
    process = await _start(*options, **environment)
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, output.decode(), errors.decode()


async def _start(*options: str, **environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "worker.sandbox", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=without_settings() | environment,
        cwd=ROOT,
    )
