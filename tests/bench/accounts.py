"""The accounts that the load speaks for."""

import asyncio
import secrets
from typing import Any

import httpx

from control_plane import models  # noqa: F401 (SQLAlchemy must know every table before the first query)
from control_plane.accounts.models import User
from control_plane.accounts.passwords import PasswordHasher
from control_plane.db.engine import Database, SystemSite
from shared.ids import new_uuid
from tests.bench.stand import ADMIN_EMAIL, Stand

NO_LIMIT = 1_000_000_000
_OVERRIDES = dict.fromkeys(("requestsPerMinute", "sessions", "messagesPerDay", "messagesPerMonth"), NO_LIMIT)


def unlimited_api_key(stand: Stand) -> str:
    return unlimited_api_key_at(stand.api().url, stand.admin_password)


def unlimited_api_key_at(url: str, admin_password: str) -> str:
    """Of an account of the highest tier that may ask as often as the machine can answer."""
    password = secrets.token_urlsafe(16)
    email = f"bench-{secrets.token_hex(4)}@waypost.example"
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        call = _Calls(client)
        user = call("POST", "/v1/auth/register", email=email, password=password, name="Bench")
        admin = call("POST", "/v1/auth/login", email=ADMIN_EMAIL, password=admin_password)
        call.bearer = admin["accessToken"]
        change = {"tier": "MAX", "limitOverrides": _OVERRIDES}
        call("PATCH", f"/v1/admin/users/{user['user']['id']}", **change)
        call.bearer = user["accessToken"]
        key: str = call("POST", "/v1/api-keys", name="bench")["key"]
        return key


class _Calls:
    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self.bearer = ""

    def __call__(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.bearer}"} if self.bearer else {}
        answer = self._client.request(method, path, json=body, headers=headers)
        answer.raise_for_status()
        document: dict[str, Any] = answer.json()
        return document


def make_people(stand: Stand, count: int, password: str) -> list[str]:
    """Their email addresses. Straight in the database and with one hash: registering each would take long."""
    emails = [f"person-{number}-{secrets.token_hex(4)}@waypost.example" for number in range(count)]
    asyncio.run(_insert(stand, emails, password))
    return emails


async def _insert(stand: Stand, emails: list[str], password: str) -> None:
    hasher, database = PasswordHasher(1, 1), Database(stand.settings, "waypost-bench")
    try:
        password_hash = await hasher.hash(password)
        async with database.system(SystemSite.COMMAND_LINE) as session:
            session.add_all(
                User(id=new_uuid(), email=email, name="Person", password_hash=password_hash)
                for email in emails
            )
    finally:
        await database.close()
        hasher.close()
