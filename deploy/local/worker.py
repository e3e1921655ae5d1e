"""`make worker`: one more worker on this machine, for the control plane that runs here or elsewhere."""

import os
import re
import sys
from collections.abc import Mapping
from typing import NoReturn

from deploy.local.child import REPOSITORY
from deploy.local.data_folder import DataFolder
from deploy.local.errors import LaunchError
from deploy.local.run_record import read_run_record
from deploy.local.sandbox import is_wanted
from deploy.local.surroundings import worker_environment

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def become_worker(environment: Mapping[str, str]) -> NoReturn:
    os.umask(0o077)
    worker_id = environment.get("WAYPOST_WORKER_ID", "").strip() or "worker-2"
    if not _ID.fullmatch(worker_id):
        raise LaunchError("WAYPOST_WORKER_ID must be letters, digits, points and hyphens, such as worker-2.")
    folder = DataFolder.named_by(environment)
    record = read_run_record(folder.run_record)
    if worker_id == "worker-1" and record:
        raise LaunchError("worker-1 is the one that `make run` starts. Choose another WAYPOST_WORKER_ID.")
    folder.prepare()
    control_plane = _setting(environment, "WAYPOST_CONTROL_PLANE_URL", record.get("api"))
    token = _setting(environment, "WAYPOST_JOIN_TOKEN", record.get("joinToken"))
    store_url = environment.get("WAYPOST_STORE_URL", "").strip() or str(record.get("storeUrl", ""))
    sandbox = record.get("sandbox", {}) if is_wanted(environment) else {}
    surroundings = worker_environment(
        environment, folder.path, worker_id, control_plane, token, store_url=store_url, sandbox=sandbox
    )
    print(f"{worker_id} works for {control_plane}. Ctrl-C stops it.", flush=True)
    os.chdir(REPOSITORY)
    os.execve(sys.executable, [sys.executable, "-m", "worker"], surroundings)  # noqa: S606 (no shell wanted)


def _setting(environment: Mapping[str, str], name: str, default: object) -> str:
    value = environment.get(name, "").strip() or default
    if not isinstance(value, str) or not value:
        raise LaunchError(
            f"{name} is not set, and no Waypost runs here to take it from: set it, or start `make run`."
        )
    return value
