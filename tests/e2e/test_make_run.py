"""A newcomer's first hour with `make run`."""

import asyncio
import json
import os
import re
import signal
import socket
import stat
from pathlib import Path

import httpx

from tests.e2e.launcher import ROOT, Launcher
from tests.waiting import until

CHILDREN = {"launcher", "postgres", "valkey", "api", "background", "worker"}


async def test_start_use_break_stop_and_start_again(tmp_path: Path):
    first = await Launcher(tmp_path / "data").start()
    try:
        assert first.ready, first.printed
        await _everything_is_there(first)
        key = await _the_tour_of_the_readme_works(first, tmp_path)
        await _a_killed_child_comes_back(first)
        await _a_second_run_in_the_same_folder_is_refused(first)
    finally:
        code = await first.end()
        first.keep_logs()
    assert code == 0
    assert first.living() == set()
    assert not (first.data / "run.json").exists()

    again = await Launcher(first.data).start()
    try:
        assert again.ready, again.printed
        assert again.record["userPassword"] == first.record["userPassword"]
        assert (await again.log_in("user")).status_code == 200
        async with httpx.AsyncClient(base_url=again.record["api"]) as client:
            known = await client.get("/v1/whoami", headers={"Authorization": f"Bearer {key}"})
        assert known.status_code == 200
        again.process.send_signal(signal.SIGKILL)
        await again.process.wait()

        async def nothing_left() -> bool:
            return again.living() == set()

        await until(nothing_left)
    finally:
        await again.end()
        again.keep_logs()

    after_kill = await Launcher(first.data).start()
    try:
        assert after_kill.ready, after_kill.printed
        assert (await after_kill.log_in("admin")).status_code == 200
    finally:
        assert await after_kill.end(signal.SIGTERM) == 0
        after_kill.keep_logs()


async def _everything_is_there(run: Launcher) -> None:
    assert set(run.record["pids"]) == CHILDREN
    assert run.living() == CHILDREN
    assert stat.S_IMODE((run.data / "run.json").stat().st_mode) == 0o600
    assert run.record["api"] in run.printed
    assert run.record["userPassword"] in run.printed
    admin, user = await run.log_in("admin"), await run.log_in("user")
    assert (admin.json()["user"]["role"], user.json()["user"]["tier"]) == ("admin", "MAX")
    async with httpx.AsyncClient(base_url=run.record["api"]) as client:
        assert (await client.get("/health")).json()["status"] == "up"
        assert "Waypost" in (await client.get("/docs")).text


async def _the_tour_of_the_readme_works(run: Launcher, folder: Path) -> str:
    readme = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```sh tour\n(.*?)```", readme, re.DOTALL)
    assert len(blocks) >= 4
    script = "\n".join(["set -euo pipefail", *blocks, 'printf "\\nKEY=%s\\n" "$KEY"'])
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        script,
        cwd=folder,
        env=os.environ | {"API": run.record["api"]},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = (await process.communicate())[0].decode()
    assert process.returncode == 0, output
    assert '"method":"api_key"' in output
    assert '"apiKeys":{"used":1,"limit":10}' in output
    _the_shown_error_is_the_real_one(readme, output)
    return output.rpartition("KEY=")[2].strip()


def _the_shown_error_is_the_real_one(readme: str, output: str) -> None:
    shown = json.loads(re.findall(r"```json\n(.*?)```", readme, re.DOTALL)[0])
    real = json.loads(re.findall(r"^\{.*\"credential_not_accepted\".*?\}$", output, re.MULTILINE)[0])
    assert {**real, "requestId": "req-…"} == shown


async def _a_killed_child_comes_back(run: Launcher) -> None:
    before = run.record["pids"]["api"]
    os.kill(before, signal.SIGKILL)

    async def back() -> bool:
        run.read_record()
        if run.record["pids"]["api"] == before:
            return False
        async with httpx.AsyncClient(base_url=run.record["api"]) as client:
            try:
                return (await client.get("/health/ready")).status_code == 200
            except httpx.HTTPError:
                return False

    await until(back, within=30)


async def _a_second_run_in_the_same_folder_is_refused(run: Launcher) -> None:
    second = await Launcher(run.data).start()
    assert await second.process.wait() == 1
    assert not second.ready
    assert run.record["api"] in second.printed
    assert run.living() == CHILDREN


async def test_a_busy_port_is_told_and_nothing_is_left(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        run = await Launcher(tmp_path / "data", WAYPOST_PORT=port).start()
        assert await run.process.wait() == 1
    assert port in run.printed
    assert "WAYPOST_PORT=0" in run.printed
    assert not (run.data / "run.json").exists()
    assert not _processes_that_name(str(run.data))


async def test_a_wrong_setting_is_told_in_one_line(tmp_path: Path):
    run = await Launcher(tmp_path / "data", WAYPOST_LOG_LEVEL="loud").start()
    assert await run.process.wait() == 1
    assert "WAYPOST_LOG_LEVEL: must be debug, info, warning or error" in run.printed
    assert "Traceback" not in run.printed


def _processes_that_name(text: str) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in line:
            found.append(line)
    return found
