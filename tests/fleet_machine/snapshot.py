"""All that the database says at one moment, read past the code that is tested."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

Row = Mapping[str, Any]
_PARTS = {
    "sessions": """SELECT id, user_id, name, wanted, status, status_reason AS reason, worker_id, epoch,
        device_jid, is_primary, sequence, start_after,
        extract(epoch FROM clock_timestamp() - expiry_told_at) / 86400 AS told_days_ago
        FROM sessions ORDER BY id""",
    "workers": """SELECT id, incarnation, retired_at IS NOT NULL AS retired, draining,
        COALESCE(capacity_override, capacity) AS room, lease_until > clock_timestamp() AS leased,
        extract(epoch FROM clock_timestamp() - heartbeat_at) AS silence FROM workers ORDER BY id""",
    "fences": "SELECT session_id, epoch FROM whatsapp_store.fences",
    "used": "SELECT user_id, used FROM quota_usage WHERE resource = 'sessions' AND used > 0",
    "owners": "SELECT session_id, epoch, worker_id, incarnation FROM session_owners ORDER BY epoch",
    "changes": "SELECT session_id, before, after, reason FROM session_changes ORDER BY id",
    "events": """SELECT session_id, sequence, type, data->>'callId' AS call,
        data->>'whatsappMessageId' AS message FROM events ORDER BY position""",
    "messages": "SELECT session_id, whatsapp_message_id AS message FROM messages ORDER BY id",
}
# One statement: what it reads belongs together.
_ALL = "SELECT " + ", ".join(f"(SELECT json_agg(part) FROM ({part}) part)" for part in _PARTS.values())


@dataclass(frozen=True, slots=True)
class Snapshot:
    """By id, or by the id of their session, as text."""

    sessions: dict[str, Row]
    workers: dict[str, Row]
    fences: dict[str, int]
    used: dict[str, int]
    owners: dict[str, list[Row]]
    changes: dict[str, list[Row]]
    events: dict[str, list[Row]]
    messages: dict[str, list[Row]]

    def assigned(self, worker_id: str) -> int:
        """How many it is to run: what its room is counted against."""
        return sum(row["wanted"] == "run" and row["worker_id"] == worker_id for row in self.sessions.values())

    def may_write(self, session: str, epoch: int) -> bool:
        return self.fences.get(session) == epoch

    def owns(self, session: str, epoch: int) -> bool:
        return session in self.sessions and self.sessions[session]["epoch"] == epoch

    def taking(self) -> list[str]:
        """Workers that live, take sessions and have room."""
        return [
            name
            for name, worker in self.workers.items()
            if worker["leased"]
            and not worker["retired"]
            and not worker["draining"]
            and self.assigned(name) < worker["room"]
        ]


async def read(connection: asyncpg.Connection) -> Snapshot:
    record = await connection.fetchrow(_ALL)
    parts = {name: json.loads(text or "[]") for name, text in zip(_PARTS, record.values(), strict=True)}
    return Snapshot(
        sessions={row["id"]: row for row in parts["sessions"]},
        workers={row["id"]: row for row in parts["workers"]},
        fences={row["session_id"]: row["epoch"] for row in parts["fences"]},
        used={row["user_id"]: row["used"] for row in parts["used"]},
        owners=_by_session(parts["owners"]),
        changes=_by_session(parts["changes"]),
        events=_by_session(parts["events"]),
        messages=_by_session(parts["messages"]),
    )


def _by_session(rows: list[Row]) -> dict[str, list[Row]]:
    grouped: dict[str, list[Row]] = {}
    for row in rows:
        grouped.setdefault(row["session_id"], []).append(row)
    return grouped
