"""The queue of what is to be sent: an outbox for each session, and what an attempt leaves behind.

Revision: 20261130_2220, after 20261130_2210
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from control_plane.db.row_security import tenant_table

revision = "20261130_2220"
down_revision = "20261130_2210"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_ID = postgresql.UUID(as_uuid=True)
_NOW = sa.text("clock_timestamp()")
_ADDED = (
    # Which goes first, and in which order those of one lane were accepted.
    sa.Column("lane", sa.SmallInteger, nullable=False, server_default="1"),
    sa.Column("place", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("attempted_at", _TIME),
    sa.Column("send_at", _TIME),
    sa.Column("expires_at", _TIME),
    sa.Column("typing_seconds", sa.SmallInteger, nullable=False, server_default="0"),
    # The worker that tried it could not be asked yet how that ended.
    sa.Column("awaits_journal", sa.Boolean, nullable=False, server_default="false"),
)
_INDEXES = {
    "queued": ("session_id, lane, place", "status = 'queued'"),
    "sending": ("session_id", "status = 'sending'"),
    "scheduled": ("send_at", "status = 'scheduled'"),
    "expiring": ("expires_at", "status IN ('queued', 'scheduled')"),
    "awaits_journal": ("id", "awaits_journal"),
}
# Whatever connects a session, wherever it is written: what waited for it goes on at once.
_WAKE = """
CREATE FUNCTION wake_outbox() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE outboxes SET due_at = least(due_at, clock_timestamp()) WHERE id = NEW.id AND waiting;
    RETURN NULL;
END $$
"""

# The next place of a session. A token takes the outbox too, unless another holds it or it is paused; `idle`:
# and nothing waits in it. The row's lock makes all of it one step.
_TAKE_PLACE = """
CREATE FUNCTION take_place(tenant uuid, session uuid, token uuid, lease interval, youngest uuid)
RETURNS TABLE (place bigint, held boolean, idle boolean, attempts integer)
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    box outboxes%ROWTYPE;
    now_ timestamptz := clock_timestamp();
BEGIN
    INSERT INTO outboxes AS o (id, user_id, accepted, claim_token, claimed_until)
    VALUES (session, tenant, 1, token, CASE WHEN token IS NOT NULL THEN now_ + lease END)
    ON CONFLICT (id) DO UPDATE SET
        accepted = o.accepted + 1,
        due_at = least(o.due_at, greatest(now_, coalesce(o.paused_until, now_))),
        claim_token = CASE WHEN token IS NOT NULL AND coalesce(o.claimed_until <= now_, true)
            AND coalesce(o.paused_until <= now_, true) THEN token ELSE o.claim_token END,
        claimed_until = CASE WHEN token IS NOT NULL AND coalesce(o.claimed_until <= now_, true)
            AND coalesce(o.paused_until <= now_, true) THEN now_ + lease ELSE o.claimed_until END
    RETURNING * INTO box;
    place := box.accepted; attempts := box.attempts;
    held := token IS NOT NULL AND coalesce(box.claim_token = token, false);
    idle := held AND NOT EXISTS (
        SELECT FROM messages m WHERE m.session_id = session AND m.status IN ('queued', 'sending')
            AND m.id >= youngest);
    RETURN NEXT;
END $$
"""

# One message more in each of these periods; what is missing in the answer is used up. In the order of their
# names, as everybody locks them.
_COUNT = """
CREATE FUNCTION count_message(tenant uuid, limits jsonb) RETURNS jsonb
LANGUAGE sql SET search_path = public, pg_temp AS $$
    WITH added AS (
        INSERT INTO quota_usage AS q (user_id, resource, period, used)
        SELECT tenant, 'messages', l.key, 1 FROM jsonb_each_text(limits) l
        WHERE l.value::bigint > 0 ORDER BY l.key
        ON CONFLICT (user_id, resource, period) DO UPDATE SET used = q.used + 1
            WHERE q.used + 1 <= (limits ->> q.period)::bigint
        RETURNING q.period, q.used
    ) SELECT coalesce(jsonb_object_agg(a.period, a.used), '{}') FROM added a
$$
"""

# One round trip for all that accepting a message writes. Locks are taken in the order that everybody keeps:
# the session, its outbox, the quota. What is refused leaves nothing behind: an exception undoes all of it.
_ACCEPT = """
CREATE FUNCTION accept_message(
    tenant uuid, session uuid, called text, as_primary boolean, only_sandbox boolean, closed text[],
    youngest uuid, message jsonb, token uuid, lease interval, once jsonb, limits jsonb
) RETURNS TABLE (
    outcome text, status text, epoch bigint, worker_id text, place bigint, held boolean, begun boolean,
    attempts integer, phone text, used jsonb, made uuid
) LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    card sessions%ROWTYPE;
    taken record;
    scheduled boolean := message ->> 'send_at' IS NOT NULL;
    now_ timestamptz := clock_timestamp();
    known uuid;
    over text;
BEGIN
    PERFORM set_config('waypost.tenant', tenant::text, true);
    IF once IS NOT NULL THEN
        SELECT k.made INTO known FROM idempotency_keys k WHERE k.user_id = tenant
            AND k.route = once ->> 'route' AND k.key = once ->> 'key' AND k.token = (once ->> 'token')::uuid;
        IF known IS NOT NULL THEN
            outcome := 'made'; made := known; RETURN NEXT; RETURN;
        END IF;
    END IF;
    SELECT * INTO card FROM sessions s WHERE s.user_id = tenant AND s.id = session
        AND coalesce(s.name = called, true) AND (s.is_primary OR NOT as_primary) FOR KEY SHARE;
    IF NOT FOUND OR (only_sandbox AND NOT card.sandbox) THEN
        outcome := 'no_session'; RETURN NEXT; RETURN;
    END IF;
    status := card.status; epoch := card.epoch; worker_id := card.worker_id; phone := card.phone;
    IF card.status = ANY(closed) AND NOT scheduled THEN
        outcome := 'closed'; RETURN NEXT; RETURN;
    END IF;
    outcome := 'accepted'; held := false; begun := false; place := 0;
    IF NOT scheduled THEN
        SELECT * INTO taken FROM take_place(tenant, session, token, lease, youngest) t;
        place := taken.place; attempts := taken.attempts; held := taken.held;
        -- The first in an outbox that is ours goes out at once, without a look at the queue.
        begun := taken.idle AND card.status = 'connected';
    END IF;
    used := count_message(tenant, limits);
    SELECT max(l) INTO over FROM jsonb_object_keys(limits) l WHERE NOT used ? l;
    IF over IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'WPQ01', MESSAGE = over;
    END IF;
    INSERT INTO messages (
        id, user_id, session_id, direction, type, chat_id, contact_id, sender, recipient, phone, lid, text,
        content, reply_to, mentions, forwarded, status, ack, epoch, lane, place, attempts, attempted_at,
        send_at, expires_at, typing_seconds, history, media, created_at
    ) SELECT r.id, tenant, session, 'outbound', r.type, r.chat_id, r.contact_id,
        CASE WHEN card.phone IS NOT NULL THEN card.phone || '@s.whatsapp.net' ELSE '' END,
        r.recipient, r.phone, r.lid, r.text, r.content, nullif(r.reply_to, 'null'::jsonb), r.mentions,
        r.forwarded, CASE WHEN scheduled THEN 'scheduled' WHEN begun THEN 'sending' ELSE 'queued' END, 0,
        card.epoch, r.lane, place, begun::int, CASE WHEN begun THEN now_ END, r.send_at, r.expires_at,
        r.typing_seconds, false, nullif(r.media, 'null'::jsonb), r.created_at
    FROM jsonb_to_record(message) AS r(
        id uuid, type text, chat_id text, contact_id uuid, recipient text, phone text, lid text, text text,
        content jsonb, reply_to jsonb, mentions jsonb, forwarded boolean, lane smallint, send_at timestamptz,
        expires_at timestamptz, typing_seconds smallint, media jsonb, created_at timestamptz);
    IF once IS NOT NULL THEN
        UPDATE idempotency_keys k SET made = (message ->> 'id')::uuid WHERE k.user_id = tenant
            AND k.route = once ->> 'route' AND k.key = once ->> 'key' AND k.token = (once ->> 'token')::uuid;
    END IF;
    RETURN NEXT;
END $$
"""


def upgrade() -> None:
    for column in _ADDED:
        op.add_column("messages", column)
    for name, (columns, condition) in _INDEXES.items():
        op.execute(f"CREATE INDEX ix_messages_{name} ON messages ({columns}) WHERE {condition}")
    op.create_table(
        "outboxes",
        sa.Column("id", _ID, sa.ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("user_id", _ID, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("due_at", _TIME, nullable=False, server_default=_NOW),
        sa.Column("claim_token", _ID),
        sa.Column("claimed_until", _TIME),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("accepted", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("waiting", sa.Boolean, nullable=False, server_default="false"),
        sa.Column("paused_until", _TIME),
        sa.Column("pause_reason", sa.String),
        sa.Column("pauses", sa.Integer, nullable=False, server_default="0"),
        sa.Column("bulk_at", _TIME),
    )
    op.create_index("ix_outboxes_due_at", "outboxes", ["due_at"])
    op.create_index("ix_outboxes_user_id", "outboxes", ["user_id"])
    for statement in tenant_table("outboxes"):
        op.execute(statement)
    op.execute(_WAKE)
    op.execute(
        "CREATE TRIGGER connected AFTER UPDATE OF status ON sessions FOR EACH ROW"
        " WHEN (NEW.status = 'connected' AND OLD.status <> 'connected') EXECUTE FUNCTION wake_outbox()"
    )
    # What a request has made, known before its answer is: whoever repeats it gets that.
    op.add_column("idempotency_keys", sa.Column("made", _ID))
    for function in (_TAKE_PLACE, _COUNT, _ACCEPT):
        op.execute(function)


def downgrade() -> None:
    for function in ("accept_message", "count_message", "take_place"):
        op.execute(f"DROP FUNCTION {function}")
    op.drop_column("idempotency_keys", "made")
    op.execute("DROP TRIGGER connected ON sessions")
    op.execute("DROP FUNCTION wake_outbox()")
    op.drop_table("outboxes")
    for name in _INDEXES:
        op.execute(f"DROP INDEX ix_messages_{name}")
    for column in _ADDED:
        op.drop_column("messages", column.name)
