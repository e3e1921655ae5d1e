"""A newcomer's first hour with `make run`."""

import asyncio
import json
import os
import re
import signal
import socket
import stat
import sys
from pathlib import Path

import httpx

from tests.e2e.launcher import ROOT, Launcher, environment_of
from tests.surroundings import without_settings
from tests.waiting import until

CHILDREN = {"launcher", "postgres", "valkey", "api", "background", "worker", "sandbox"}


async def test_start_use_break_stop_and_start_again(tmp_path: Path):
    first = await Launcher(tmp_path / "data").start()
    try:
        assert first.ready, first.printed
        await _everything_is_there(first)
        key = await _the_tour_of_the_readme_works(first, tmp_path)
        await _a_killed_child_comes_back(first)
        await _the_sandbox_is_there_for_those_who_need_it(first)
        await _one_more_worker_joins_the_sandbox(first)
        await _a_killed_sandbox_comes_back_where_it_was(first)
        await _a_second_run_in_the_same_folder_is_refused(first)
    finally:
        code = await first.end()
        first.keep_logs()
    assert code == 0
    assert first.living() == set()
    assert not (first.data / "run.json").exists()
    assert not (first.data / "sandbox" / "sandbox.json").exists()

    again = await Launcher(first.data).start()
    try:
        assert again.ready, again.printed
        assert again.record["userPassword"] == first.record["userPassword"]
        assert again.record["sandbox"] == first.record["sandbox"]
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

    after_kill = await Launcher(first.data, WAYPOST_SANDBOX="off").start()
    try:
        assert after_kill.ready, after_kill.printed
        assert set(after_kill.record["pids"]) == CHILDREN - {"sandbox"}
        assert after_kill.record["sandbox"] == {}
        assert not _of_the_sandbox(environment_of(after_kill.record["pids"]["worker"]))
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
    assert '"status":"connected"' in output
    assert output.count("Until nine.") >= 3  # the answer, the phone's inbox, the list
    _the_shown_error_is_the_real_one(readme, output)
    return output.rpartition("KEY=")[2].strip()


def _the_shown_error_is_the_real_one(readme: str, output: str) -> None:
    shown = json.loads(re.findall(r"```json\n(.*?)```", readme, re.DOTALL)[0])
    (line,) = re.findall(r"^\{.*\"credential_not_accepted\".*$", output, re.MULTILINE)
    # The answer has no line end of its own: the next one follows at once.
    real, _ = json.JSONDecoder().raw_decode(line)
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


async def _the_sandbox_is_there_for_those_who_need_it(run: Launcher) -> None:
    sandbox, pids = run.record["sandbox"], run.record["pids"]
    async with httpx.AsyncClient(base_url=sandbox["controlUrl"]) as stranger:
        assert (await stranger.get("/health")).json()["status"] == "up"
        assert (await stranger.get("/phones")).status_code == 401
    assert (await _phones(sandbox)).status_code == 200
    assert _of_the_sandbox(environment_of(pids["worker"])) == {
        "WAYPOST_SANDBOX_PROXY": sandbox["proxy"],
        "WAYPOST_SANDBOX_CA": str(run.data / "sandbox" / "certificate.pem"),
        "WAYPOST_SANDBOX_ROOT_KEY": sandbox["rootKey"],
    }
    for process in ("api", "background"):
        assert _of_the_sandbox(environment_of(pids[process])) == {
            "WAYPOST_SANDBOX_CONTROL_URL": sandbox["controlUrl"],
            "WAYPOST_SANDBOX_CONTROL_TOKEN": sandbox["controlToken"],
        }
    secrets = (run.record["databaseUrl"], run.record["joinToken"])
    assert not set(environment_of(pids["sandbox"]).values()) & set(secrets)


async def _one_more_worker_joins_the_sandbox(run: Launcher) -> None:
    for own, expected in (
        ({}, run.record["sandbox"]["proxy"]),
        ({"WAYPOST_SANDBOX_PROXY": "http://127.0.0.1:9"}, "http://127.0.0.1:9"),
        ({"WAYPOST_SANDBOX": "off"}, None),
    ):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "deploy.local", "worker"),
            cwd=ROOT,
            env=without_settings() | {"WAYPOST_DATA_DIR": str(run.data)} | own,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:

            async def is_the_worker(pid: int = process.pid) -> bool:
                return environment_of(pid).get("WAYPOST_WORKER_ID") == "worker-2"

            await until(is_the_worker)
            assert environment_of(process.pid).get("WAYPOST_SANDBOX_PROXY") == expected
        finally:
            process.kill()
            await process.wait()


async def _a_killed_sandbox_comes_back_where_it_was(run: Launcher) -> None:
    before = run.record
    os.kill(before["pids"]["sandbox"], signal.SIGKILL)

    async def back() -> bool:
        run.read_record()
        if run.record["pids"].get("sandbox") in (None, before["pids"]["sandbox"]):
            return False
        try:
            return (await _phones(before["sandbox"])).status_code == 200
        except httpx.HTTPError:
            return False

    await until(back, within=30)
    assert run.record["sandbox"] == before["sandbox"]


async def _phones(sandbox: dict[str, str]) -> httpx.Response:
    headers = {"Authorization": f"Bearer {sandbox['controlToken']}"}
    async with httpx.AsyncClient(base_url=sandbox["controlUrl"], headers=headers) as client:
        return await client.get("/phones")


def _of_the_sandbox(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith("WAYPOST_SANDBOX_")}


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


async def test_a_choice_that_is_none_is_told_before_anything_starts(tmp_path: Path):
    run = await Launcher(tmp_path / "data", WAYPOST_SANDBOX="perhaps").start()
    assert await run.process.wait() == 1
    assert "WAYPOST_SANDBOX must be on or off, not 'perhaps'." in run.printed
    assert "PostgreSQL" not in run.printed


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
