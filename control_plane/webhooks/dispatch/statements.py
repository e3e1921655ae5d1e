"""The longer statements of the dispatcher; whoever calls them gives values, and never a piece of SQL."""

# ruff: noqa: S608 (they are put together from constants)

from control_plane.webhooks.dispatch.endpoints import COLUMNS
from control_plane.webhooks.dispatch.lane import SHOWN, WINDOW

FREE = "(w.claimed_until IS NULL OR w.claimed_until <= statement_timestamp())"
AFTER = "(e.xid, e.position) > (CAST(CAST(:xid AS text) AS xid8), CAST(:position AS bigint))"
BELOW = "e.xid < CAST(CAST(:horizon AS text) AS xid8)"
EVENT = (
    "e.id AS event_id, CAST(CAST(e.xid AS text) AS bigint) AS xid, e.position, e.user_id, e.session_id,"
    " e.sequence, e.type AS event_type, e.created_at AS event_at, e.sandbox"
)
HORIZON = "SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)"
# What is held is out of sight for the others, and its `due_at` is free to tell that something is new.
TAKE = f"""
WITH picked AS MATERIALIZED (
    SELECT w.id FROM webhooks w
    WHERE w.enabled AND {FREE} AND (
        w.due_at <= :now OR w.user_id = ANY(:users) OR w.id = ANY(:behind)
        OR w.claimed_until <= statement_timestamp()
    )
    ORDER BY w.due_at, w.id LIMIT :limit FOR UPDATE SKIP LOCKED
)
UPDATE webhooks w SET claim_token = gen_random_uuid(), due_at = :never,
    claimed_until = clock_timestamp() + CAST(:lease AS interval)
FROM picked WHERE w.id = picked.id RETURNING {COLUMNS}
"""
BEHIND = f"""
SELECT w.id FROM webhooks w WHERE w.enabled AND {FREE} AND w.due_at > :now AND EXISTS (
    SELECT FROM events e WHERE e.user_id = w.user_id
        AND (e.xid, e.position) > (CAST(CAST(w.xid AS text) AS xid8), w.position)
        AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
) LIMIT :limit
"""
HELD = "SELECT h.id, h.token FROM unnest(:ids, :tokens) AS h(id, token)"
LOCKED = f"""
WITH held AS ({HELD}), locked AS MATERIALIZED (
    SELECT w.id FROM webhooks w JOIN held h ON w.id = h.id AND w.claim_token = h.token
    {{only}} ORDER BY w.id FOR UPDATE OF w
)
"""
RENEW = f"""{LOCKED.format(only="")}
UPDATE webhooks w SET claimed_until = clock_timestamp() + CAST(:lease AS interval)
FROM locked WHERE w.id = locked.id RETURNING {COLUMNS}
"""
TOLD = f"""{LOCKED.format(only="WHERE w.due_at <= :now OR NOT w.enabled")}
UPDATE webhooks w SET due_at = :never FROM locked WHERE w.id = locked.id RETURNING {COLUMNS}
"""
LANE = "coalesce(d.session_id, '00000000-0000-0000-0000-000000000000'::uuid)"
ROW = (
    "d.id, d.event_id, d.xid, d.position, d.session_id AS lane_session_id, d.type, d.attempts, d.step,"
    " d.created_at, d.first_attempt_at, d.last_attempt_at, d.due_at"
)
OF_LANE = (
    f"FROM webhook_deliveries d WHERE d.webhook_id = :webhook AND d.status = 'pending' AND {LANE} = lane.id"
)
IN_ORDER = "ORDER BY d.xid, d.position, d.id"
# Of each lane: the oldest ones, and the first ones that are to be tried or that hold up those after them.
WAITING = f"""
SELECT lane.id AS lane, d.*, e.id IS NOT NULL AS in_log, e.user_id, e.session_id, e.sequence,
    e.type AS event_type, e.created_at AS event_at, e.sandbox, CAST(e.data AS text) AS data
FROM unnest(:lanes) AS lane(id) CROSS JOIN LATERAL (
    (SELECT {ROW} {OF_LANE} {IN_ORDER} LIMIT {SHOWN})
    UNION
    (SELECT {ROW} {OF_LANE} AND (
        d.attempts = 0 OR d.due_at <= :now OR d.last_attempt_at < :recovered OR d.first_attempt_at > :blocking
    ) {IN_ORDER} LIMIT {WINDOW})
) d LEFT JOIN events e ON e.id = d.event_id
ORDER BY d.xid, d.position, d.id
"""
