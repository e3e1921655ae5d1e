"""What workers found when they asked the network whether it still hears a session."""

import uuid
from collections.abc import Iterable

from sqlalchemy import ARRAY, BigInteger, Float, Uuid, cast, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from control_plane.db.tenancy import SystemRepository
from control_plane.sessions.models import Session, SessionProbe
from shared.contracts.fleet import SeenProbe

_MOST = 2**63
_MOST_IN_A_BEAT = 1_000_000


class ProbesSeen(SystemRepository):
    async def keep(self, worker_id: str, probes: Iterable[SeenProbe]) -> None:
        """Of the sessions that this worker owns at these epochs; what else it says is nobody's."""
        known = {
            identity: probe
            for probe in probes
            if (identity := _uuid(probe.id)) is not None and 0 < probe.epoch < _MOST and probe.probes > 0
        }
        if not known:
            return
        rows = func.unnest(
            literal(list(known), ARRAY(Uuid)),
            literal([probe.epoch for probe in known.values()], ARRAY(BigInteger)),
            literal([_bounded(probe.probes) for probe in known.values()], ARRAY(BigInteger)),
            literal([_bounded(probe.unanswered) for probe in known.values()], ARRAY(BigInteger)),
            literal([max(0.0, probe.milliseconds) for probe in known.values()], ARRAY(Float)),
        )
        told = rows.table_valued(
            "session_id", "epoch", "probes", "unanswered", "milliseconds"
        ).render_derived(name="told")
        unanswered, probes_seen = cast(told.c.unanswered, BigInteger), cast(told.c.probes, BigInteger)
        new = insert(SessionProbe).from_select(
            [
                "session_id",
                "user_id",
                "epoch",
                "probed_at",
                "answered",
                "milliseconds",
                "probes",
                "unanswered",
            ],
            select(
                Session.id,
                Session.user_id,
                Session.epoch,
                func.clock_timestamp(),
                unanswered < probes_seen,
                cast(told.c.milliseconds, Float),
                probes_seen,
                unanswered,
            ).where(
                Session.id == cast(told.c.session_id, Uuid),
                Session.epoch == cast(told.c.epoch, BigInteger),
                Session.worker_id == worker_id,
            ),
        )
        fresh = new.excluded
        await self.session.execute(
            new.on_conflict_do_update(
                index_elements=["session_id"],
                set_={
                    "epoch": fresh.epoch,
                    "probed_at": fresh.probed_at,
                    "answered": fresh.answered,
                    "milliseconds": fresh.milliseconds,
                    "probes": SessionProbe.probes + fresh.probes,
                    "unanswered": SessionProbe.unanswered + fresh.unanswered,
                },
            )
        )


def _bounded(count: int) -> int:
    return min(max(0, count), _MOST_IN_A_BEAT)


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
