"""What the dispatcher writes: deliveries, figures and places of many endpoints in one transaction."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Uuid, bindparam, text

from control_plane.db.tenancy import SystemRepository
from control_plane.events.places import Place
from control_plane.webhooks.dispatch.endpoints import Endpoint

_TRIES_KEPT = 50
_LOCK = """
SELECT w.id, w.enabled FROM webhooks w
JOIN jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(id uuid, token uuid)
    ON w.id = r.id AND w.claim_token = r.token
ORDER BY w.id FOR UPDATE OF w
"""
_FIELDS = (
    "id uuid, user_id uuid, webhook_id uuid, event_id uuid, xid bigint, position bigint, session_id uuid,"
    " type text, status text, attempts int, step smallint, due_at timestamptz, first_attempt_at timestamptz,"
    " last_attempt_at timestamptz, status_code int, error text, tries jsonb"
)
_NAMES = ", ".join(field.split()[0] for field in _FIELDS.split(","))
_INSERT = f"""
INSERT INTO webhook_deliveries ({_NAMES})
SELECT {_NAMES} FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r({_FIELDS})
ON CONFLICT DO NOTHING
"""  # noqa: S608 (names of ours)
_CHANGE = f"""
UPDATE webhook_deliveries d SET status = r.status, attempts = r.attempts, step = r.step, due_at = r.due_at,
    first_attempt_at = r.first_attempt_at, last_attempt_at = r.last_attempt_at,
    status_code = r.status_code, error = r.error,
    tries = CASE WHEN jsonb_array_length(d.tries) >= {_TRIES_KEPT} THEN d.tries - 0 ELSE d.tries END
        || r.tries
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r({_FIELDS})
WHERE d.id = r.id AND d.status = 'pending'
"""  # noqa: S608
_MOVE = """
UPDATE webhooks w SET
    xid = CASE WHEN (r.xid, r.position) > (w.xid, w.position) THEN r.xid ELSE w.xid END,
    position = CASE WHEN (r.xid, r.position) > (w.xid, w.position) THEN r.position ELSE w.position END,
    delivered = w.delivered + r.delivered, failed = w.failed + r.failed,
    last_delivered_at = coalesce(r.last_delivered_at, w.last_delivered_at),
    recovered_at = coalesce(r.recovered_at, w.recovered_at),
    failing_since = CASE WHEN r.disabled IS NOT NULL THEN NULL
        WHEN r.taken THEN r.failing_since ELSE coalesce(w.failing_since, r.failing_since) END,
    enabled = w.enabled AND r.disabled IS NULL,
    disabled_reason = coalesce(r.disabled, w.disabled_reason),
    disabled_at = CASE WHEN r.disabled IS NULL THEN w.disabled_at ELSE r.disabled_at END
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(
    id uuid, xid bigint, position bigint, delivered bigint, failed bigint, last_delivered_at timestamptz,
    recovered_at timestamptz, failing_since timestamptz, taken boolean, disabled text,
    disabled_at timestamptz
)
WHERE w.id = r.id
"""
# Only while nothing new came: the look and the release are one statement, so nothing falls between them.
_REST = """
UPDATE webhooks w SET claim_token = NULL, claimed_until = NULL, xid = :xid, position = :position,
    due_at = least(w.due_at, CAST(:due AS timestamptz))
WHERE w.id = :id AND w.claim_token = :token AND NOT EXISTS (
    SELECT FROM events e WHERE e.user_id = w.user_id
        AND (e.xid, e.position) > (CAST(CAST(:read AS text) AS xid8), CAST(:position AS bigint))
        AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
)
"""
_LET_GO = """
UPDATE webhooks w SET claim_token = NULL, claimed_until = NULL,
    due_at = least(w.due_at, CAST(:due AS timestamptz))
WHERE w.id = :id AND w.claim_token = :token
"""


class DispatchWrites(SystemRepository):
    async def lock(self, states: Sequence[dict[str, Any]]) -> dict[uuid.UUID, bool]:
        """Those that this process still holds, and whether each is enabled."""
        rows: Any = await self.session.execute(text(_LOCK), {"rows": _json(states)})
        return {row.id: row.enabled for row in rows}

    async def write(
        self,
        new: Sequence[dict[str, Any]],
        changed: Sequence[dict[str, Any]],
        states: Sequence[dict[str, Any]],
    ) -> None:
        """The endpoints are locked by this transaction."""
        for statement, rows in ((_INSERT, new), (_CHANGE, changed), (_MOVE, states)):
            if rows:
                await self.session.execute(text(statement), {"rows": _json(rows)})

    async def rest(self, endpoint: Endpoint, place: Place, due: datetime) -> bool:
        values = {"xid": place.xid, "position": place.position, "read": str(place.xid), "due": due}
        return await self._give_back(_REST, endpoint, values)

    async def let_go(self, endpoint: Endpoint, due: datetime) -> bool:
        return await self._give_back(_LET_GO, endpoint, {"due": due})

    async def _give_back(self, statement: str, endpoint: Endpoint, values: dict[str, Any]) -> bool:
        ids = [bindparam(name, type_=Uuid) for name in ("id", "token")]
        values = {"id": endpoint.id, "token": endpoint.token, **values}
        result: Any = await self.session.execute(text(statement).bindparams(*ids), values)
        return bool(result.rowcount)


def _json(rows: Sequence[dict[str, Any]]) -> str:
    return msgspec.json.encode(rows).decode()
