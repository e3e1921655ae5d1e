"""run.json: where the running Waypost is and how to log in, for `make worker`, `make stop` and tests."""

import json
import os
from pathlib import Path
from typing import Any

from deploy.local.demo_accounts import DemoAccounts
from deploy.local.private_files import write_private
from deploy.local.surroundings import Surroundings


def write_run_record(path: Path, here: Surroundings, accounts: DemoAccounts, pids: dict[str, int]) -> None:
    record = {
        "api": here.api,
        "adminEmail": accounts.admin_email,
        "adminPassword": accounts.admin_password,
        "userEmail": accounts.user_email,
        "userPassword": accounts.user_password,
        "joinToken": accounts.join_token,
        "databaseUrl": here.database_url,
        "storeUrl": here.store_url,
        "redisUrl": here.redis_url,
        "sandbox": dict(here.sandbox),
        "pids": {"launcher": os.getpid(), **pids},
    }
    write_private(path, json.dumps(record, indent=2) + "\n")


def read_run_record(path: Path) -> dict[str, Any]:
    """Empty when nothing runs."""
    try:
        record = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}
