"""Starts the load generator as a process of its own and fetches what it measured."""

import secrets
from pathlib import Path

import msgspec

from deploy.local.child import Child
from deploy.local.errors import LaunchError
from tests.bench.http_load import Job, Result

_START_AND_END_SECONDS = 60.0


def run_load(job: Job, folder: Path, environment: dict[str, str]) -> Result:
    name = f"load-{secrets.token_hex(4)}"
    job_file, result_file, log = (folder / f"{name}.{kind}" for kind in ("job", "result", "log"))
    job_file.write_bytes(msgspec.json.encode(job))
    child = Child(
        name,
        title="the load generator",
        arguments=("tests.bench.http_load", str(job_file), str(result_file)),
        environment=environment,
        log_file=log,
        stop_seconds=2.0,
    )
    try:
        child.start()
        child.wait(job.warm_up_seconds + job.seconds + _START_AND_END_SECONDS)
    finally:
        child.stop()
    if child.exit_code != 0:
        raise LaunchError(f"{child.title} {child.how_it_ended()}:", child.last_words())
    return msgspec.json.decode(result_file.read_bytes(), type=Result)
