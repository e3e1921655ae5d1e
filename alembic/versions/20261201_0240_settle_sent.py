"""The usual end of an attempt, in one round trip: it was sent, and the next one is begun.

Revision: 20261201_0240, after 20261130_2300
"""

from alembic import op

revision = "20261201_0240"
down_revision = "20261130_2300"
branch_labels = None
depends_on = None

# Locks are taken in the order that everybody keeps: the session, its outbox, the message. Where something is
# not as its caller believed, the answer is `other`, and nothing was written. `rest`: nothing waits, and the
# outbox is given back. `next`: the following message is being sent from now on.
# `look`: what waits needs a closer look.
_SETTLE = """
CREATE FUNCTION settle_sent(session uuid, token uuid, sent jsonb, lease interval, youngest uuid, take boolean)
RETURNS TABLE (outcome text, epoch bigint, worker_id text, following messages)
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    card sessions%ROWTYPE;
    box outboxes%ROWTYPE;
    was messages%ROWTYPE;
    now_ timestamptz := clock_timestamp();
BEGIN
    outcome := 'other';
    SELECT * INTO card FROM sessions s WHERE s.id = session FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NEXT; RETURN;
    END IF;
    SELECT * INTO box FROM outboxes o WHERE o.id = session AND o.claim_token = token FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NEXT; RETURN;
    END IF;
    SELECT * INTO was FROM messages m WHERE m.id = (sent ->> 'id')::uuid FOR UPDATE;
    IF NOT FOUND OR was.status <> 'sending' OR was.attempts <> (sent ->> 'attempt')::int
        OR was.contact_id IS DISTINCT FROM (sent ->> 'contact')::uuid
        OR EXISTS (SELECT FROM early_receipts e
            WHERE e.session_id = session AND e.whatsapp_message_id = sent ->> 'whatsapp_id')
    THEN
        RETURN NEXT; RETURN;
    END IF;
    UPDATE messages m SET status = 'sent', error = NULL, awaits_journal = false, ack = 1,
        whatsapp_message_id = sent ->> 'whatsapp_id', sent_at = (sent ->> 'at')::timestamptz
        WHERE m.id = was.id;
    INSERT INTO chats AS c
        (id, user_id, session_id, contact_id, chat_id, last_message_id, last_message_at)
    VALUES ((sent ->> 'chat_row')::uuid, was.user_id, session, was.contact_id, was.chat_id, was.id,
        was.created_at)
    ON CONFLICT (session_id, contact_id) WHERE contact_id IS NOT NULL DO UPDATE
        SET chat_id = excluded.chat_id, last_message_id = excluded.last_message_id,
            last_message_at = excluded.last_message_at
        WHERE (c.last_message_at, c.last_message_id) < (excluded.last_message_at, excluded.last_message_id);
    INSERT INTO message_keys
        (session_id, chat_id, sender, direction, whatsapp_message_id, user_id, message_id)
    VALUES (session, was.chat_id, '', 'outbound', sent ->> 'whatsapp_id', was.user_id, was.id)
    ON CONFLICT DO NOTHING;
    UPDATE sessions s SET sequence = s.sequence + 1, last_activity_at = (sent ->> 'at')::timestamptz
        WHERE s.id = session;
    INSERT INTO events (id, user_id, session_id, sequence, type, data, sandbox)
    VALUES ((sent ->> 'event')::uuid, was.user_id, session, card.sequence + 1, 'message.sent',
        jsonb_build_object('sessionId', 'ses-' || session, 'name', card.name) || (sent -> 'data'),
        card.sandbox);
    SELECT * INTO following FROM messages m
        WHERE m.session_id = session AND m.status = 'queued' AND m.id >= youngest
        ORDER BY m.lane, m.place LIMIT 1 FOR UPDATE;
    IF NOT FOUND THEN
        outcome := 'rest'; following := NULL;
        UPDATE outboxes o SET pauses = 0, claim_token = NULL, claimed_until = NULL,
            due_at = '9999-01-01T00:00:00+00', waiting = false WHERE o.id = session;
    ELSIF take AND card.status = 'connected' AND coalesce(box.paused_until <= now_, true)
        AND coalesce(following.expires_at > now_, true) AND following.send_at IS NULL
        AND following.lane < 2
    THEN
        outcome := 'next'; epoch := card.epoch; worker_id := card.worker_id;
        UPDATE messages m SET status = 'sending', epoch = card.epoch, attempts = m.attempts + 1,
            attempted_at = now_ WHERE m.id = following.id RETURNING * INTO following;
        UPDATE outboxes o SET pauses = 0, claimed_until = now_ + lease, paused_until = NULL,
            pause_reason = NULL WHERE o.id = session;
    ELSE
        outcome := 'look'; following := NULL;
        UPDATE outboxes o SET pauses = 0, claimed_until = now_ + lease WHERE o.id = session;
    END IF;
    RETURN NEXT;
END $$
"""


def upgrade() -> None:
    op.execute(_SETTLE)


def downgrade() -> None:
    op.execute("DROP FUNCTION settle_sent")
