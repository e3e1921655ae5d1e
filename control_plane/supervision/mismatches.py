"""What should never differ, and how it is put right where it does."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, text, update

from control_plane.db.tenancy import SystemRepository
from control_plane.sessions.models import Session
from control_plane.tiers.models import QuotaUsage

# Below its session's epoch it shuts out the owner; without one, nobody can write.
_LOW_FENCES = """
    UPDATE whatsapp_store.fences f SET epoch = s.epoch, raised_at = clock_timestamp()
    FROM sessions s WHERE f.session_id = s.id::text AND f.epoch < s.epoch
"""
_MISSING_FENCES = """
    INSERT INTO whatsapp_store.fences (session_id, epoch)
    SELECT s.id::text, s.epoch FROM sessions s WHERE s.epoch > 0
    ON CONFLICT (session_id) DO NOTHING
"""
_FENCES_OF_NOBODY = """
    DELETE FROM whatsapp_store.fences f
    WHERE NOT EXISTS (SELECT FROM sessions s WHERE s.id::text = f.session_id)
"""
_ACCOUNTS_OUT_OF_STEP = """
    SELECT q.user_id FROM quota_usage q LEFT JOIN sessions s ON s.user_id = q.user_id
    WHERE q.resource = 'sessions' AND q.period = ''
    GROUP BY q.user_id, q.used
    HAVING q.used <> count(s.id) OR (count(s.id) > 0 AND NOT bool_or(s.is_primary))
"""


class Mismatches(SystemRepository):
    async def repair_fences(self) -> dict[str, int]:
        """Under the lock of placing."""
        return {
            "fence_raised": await self._run(_LOW_FENCES),
            "fence_missing": await self._run(_MISSING_FENCES),
            "fence_of_nobody": await self._run(_FENCES_OF_NOBODY),
        }

    async def accounts_out_of_step(self) -> Sequence[uuid.UUID]:
        """As they seem; one that makes a session at this moment is looked at again."""
        return (await self.session.scalars(text(_ACCOUNTS_OUT_OF_STEP))).all()

    async def repair_account(self, user_id: uuid.UUID) -> dict[str, int]:
        counted = select(QuotaUsage).where(
            QuotaUsage.user_id == user_id, QuotaUsage.resource == "sessions", QuotaUsage.period == ""
        )
        quota = (await self.session.scalars(counted.with_for_update())).first()
        sessions = select(Session).where(Session.user_id == user_id).order_by(Session.created_at, Session.id)
        rows = (await self.session.scalars(sessions)).all()
        repaired = {"quota_corrected": 0, "primary_chosen": 0}
        if quota is not None and quota.used != len(rows):
            quota.used = len(rows)
            repaired["quota_corrected"] = 1
        if rows and not any(row.is_primary for row in rows):
            chosen = update(Session).where(Session.id == rows[0].id).values(is_primary=True)
            await self.session.execute(chosen)
            repaired["primary_chosen"] = 1
        return repaired

    async def sessions(self) -> set[str]:
        return {str(found) for found in (await self.session.scalars(select(Session.id))).all()}

    async def _run(self, statement: str) -> int:
        result: Any = await self.session.execute(text(statement))
        return int(result.rowcount)
