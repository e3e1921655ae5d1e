"""The passwords and the join token of one data folder: random, made at the first start."""

import hashlib
import json
import re
import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from deploy.local.errors import LaunchError
from deploy.local.private_files import write_private


@dataclass(frozen=True, slots=True)
class DemoAccounts:
    admin_email: str
    admin_password: str
    user_email: str
    user_password: str
    join_token: str
    demo_made_in: str = ""

    def knows(self, database_url: str) -> bool:
        return self.demo_made_in == _fingerprint(database_url)


def read_accounts(path: Path) -> DemoAccounts:
    if not path.exists():
        write_private(path, _text(_new_accounts()))
    try:
        return DemoAccounts(**json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise LaunchError(
            f"{path} cannot be read: put it back, or start again without data by: make clean"
        ) from error


def remember_demo(path: Path, accounts: DemoAccounts, database_url: str) -> None:
    write_private(path, _text(replace(accounts, demo_made_in=_fingerprint(database_url))))


def _new_accounts() -> DemoAccounts:
    return DemoAccounts(
        admin_email="admin@waypost.example",
        admin_password=secrets.token_urlsafe(15),
        user_email="demo@waypost.example",
        user_password=secrets.token_urlsafe(15),
        join_token="wpj_" + secrets.token_urlsafe(24),
    )


def _text(accounts: DemoAccounts) -> str:
    return json.dumps(asdict(accounts), indent=2) + "\n"


def _fingerprint(database_url: str) -> str:
    """The same at each start, for the port of the embedded server changes."""
    return hashlib.sha256(re.sub(r":\d+/", "/", database_url).encode()).hexdigest()[:16]
