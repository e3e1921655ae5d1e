"""People for the tests: each comes through the front door, with an address and a password of their own."""

import itertools
import secrets
from dataclasses import dataclass, field
from typing import Any

import httpx
from sqlalchemy import update

from control_plane.accounts.models import User
from control_plane.db.engine import SystemSite
from control_plane.http.principal import Role
from control_plane.tiers.limits import Tier
from shared.ids import parse_public_id
from tests import run_folder
from tests.replica import Replica

_numbers = itertools.count(1)


def new_address() -> str:
    """An address that no other test uses, so that limits by address do not meet."""
    return ".".join(str(part) for part in (10, *secrets.token_bytes(3)))


def new_email() -> str:
    email = f"person-{next(_numbers)}-{secrets.token_hex(6)}@waypost.example"
    run_folder.note_secret(email)
    return email


def new_password() -> str:
    password = f"canary-{secrets.token_urlsafe(12)}"
    run_folder.note_secret(password)
    return password


@dataclass
class Person:
    replica: Replica
    email: str = field(default_factory=new_email)
    password: str = field(default_factory=new_password)
    address: str = field(default_factory=new_address)
    id: str = ""
    access_token: str = ""
    refresh_token: str = ""

    async def call(
        self, method: str, path: str, *, bearer: str | None = None, on: Replica | None = None, **options: Any
    ) -> httpx.Response:
        """A request of this person; `bearer=""` sends no credential, `on` asks another replica."""
        headers = {"X-Forwarded-For": self.address, **options.pop("headers", {})}
        credential = self.access_token if bearer is None else bearer
        if credential:
            headers["Authorization"] = f"Bearer {credential}"
        return await (on or self.replica).client.request(method, path, headers=headers, **options)

    async def register(self) -> "Person":
        body = {"email": self.email, "password": self.password, "name": "A Person"}
        response = await self.call("POST", "/v1/auth/register", bearer="", json=body)
        assert response.status_code == 201, response.text
        self.take(response.json())
        return self

    async def log_in(self, on: Replica | None = None) -> httpx.Response:
        body = {"email": self.email, "password": self.password}
        return await self.call("POST", "/v1/auth/login", bearer="", json=body, on=on)

    async def new_key(self, **body: Any) -> dict[str, Any]:
        response = await self.call("POST", "/v1/api-keys", json={"name": "a key", **body})
        assert response.status_code == 201, response.text
        created: dict[str, Any] = response.json()
        return created

    def take(self, signed_in: dict[str, Any]) -> None:
        self.id = signed_in["user"]["id"]
        self.access_token = signed_in["accessToken"]
        self.refresh_token = signed_in["refreshToken"]


class People:
    def __init__(self, replica: Replica) -> None:
        self._replica = replica

    async def __call__(self, tier: Tier = Tier.MAX, role: Role = Role.USER) -> Person:
        """Registered and logged in. The tier is large by default, so that limits do not meet other tests."""
        person = await Person(self._replica).register()
        await self.change(person, tier=tier, role=role)
        return person

    async def change(self, person: Person, **values: Any) -> None:
        """Straight in the database, where no endpoint does it or the test is not about that endpoint."""
        user_id = parse_public_id("usr", person.id)
        async with self._replica.parts.database.system(SystemSite.ADMIN) as session:
            await session.execute(update(User).where(User.id == user_id).values(**values))
        # The replica hears of it within a second by itself; tests about something else do not wait for that.
        self._replica.parts.credentials.forget(user_id)
