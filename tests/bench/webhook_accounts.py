"""An account with endpoints, and the events that are delivered to them, written as the API writes them."""

import json
import time
import uuid
from collections.abc import Sequence

import asyncpg

from control_plane.keyring import Keyring
from control_plane.settings import Settings
from control_plane.webhooks.secrets import Secrets
from shared.ids import new_uuid

_EVENTS = """
INSERT INTO events (id, user_id, session_id, sequence, type, data)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::jsonb[])
"""
# As long as that of a usual text message.
_WORDS = "x" * 400


class Customer:
    def __init__(self, database: asyncpg.Connection, settings: Settings) -> None:
        self._database = database
        self._keys = Secrets(Keyring(settings.master_keys))
        self.user_id = new_uuid()
        self._sequence = 0

    async def register(self) -> None:
        await self._database.execute(
            "INSERT INTO users (id, email, name, password_hash, role, tier)"
            " VALUES ($1, $2, '', '-', 'user', 'BASIC')",
            self.user_id,
            f"{self.user_id}@waypost.example",
        )

    async def endpoints(self, urls: Sequence[str]) -> None:
        """From now on: what is in the log already is not for them."""
        place = await self._database.fetchval("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        secret = self._keys.make()
        for url in urls:
            identity = new_uuid()
            sealed = self._keys.seal_secret(identity, secret)
            await self._database.execute(
                "INSERT INTO webhooks (id, user_id, url, sealed_secret, xid) VALUES ($1, $2, $3, $4, $5)",
                identity,
                self.user_id,
                url,
                sealed,
                place,
            )

    async def no_endpoints(self) -> None:
        await self._database.execute("DELETE FROM webhooks WHERE user_id = $1", self.user_id)

    async def happen(self, count: int, sessions: Sequence[uuid.UUID]) -> None:
        """In one transaction; of the sessions in turn."""
        at = time.time()
        data = json.dumps({"at": at, "text": _WORDS})
        first, self._sequence = self._sequence, self._sequence + count
        await self._database.execute(
            _EVENTS,
            [new_uuid() for _ in range(count)],
            [self.user_id] * count,
            [sessions[number % len(sessions)] for number in range(count)],
            [first + number for number in range(count)],
            ["message.received"] * count,
            [data] * count,
        )
