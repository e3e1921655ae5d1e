"""What we add to the time that the engine takes for a message, at a pace that everything can keep."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from deploy.local.errors import LaunchError
from tests.bench.engine_load import TEXT
from tests.bench.fleet_owner import Owner
from tests.bench.fleet_people import Pair
from tests.bench.idleness import Idleness
from tests.bench.send_pace import paced
from tests.bench.stopwatch import timed
from tests.bench.tables import Figures, percentile


async def overhead(
    owner: Owner, pairs: Sequence[Pair], times: Path, per_second: float, seconds: float
) -> Figures:
    """Message by message: the worker of this run has noted how long its engine took for each."""
    idleness = Idleness()
    sends = [timed(partial(_send, owner, pair)) for pair in pairs]
    taken = await paced(sends, per_second, seconds)
    idle, engine = idleness.per_cent(), _noted(times)
    sent = [(waited, engine[known]) for waited, known in taken if known is not None]
    # Who is told to come back later has waited for us alone.
    late = [waited for waited, known in taken if known is None]
    return {
        "late": float(len(late)),
        "idle": idle,
        **spread("rest", [waited for waited, _ in taken]),
        **spread("engine", [of_engine for _, of_engine in sent]),
        **spread("own", [*(waited - of_engine for waited, of_engine in sent), *late]),
    }


async def _send(owner: Owner, pair: Pair) -> str | None:
    """Its id in the network; None when the caller's patience has ended before."""
    body = {"to": f"+{pair.person}", "text": TEXT}
    async with owner.http.post(f"/v1/sessions/{pair.session}/messages", json=body) as answer:
        said = await answer.json()
        if answer.status not in {201, 202}:
            raise LaunchError(f"A text was answered {answer.status}:", str(said)[:500])
        known: str | None = said["whatsappMessageId"]
        return known


def spread(name: str, seconds: Sequence[float]) -> dict[str, float | None]:
    ordered, shares = sorted(seconds), {"p50": 0.5, "p99": 0.99}
    return {
        f"{name}_{short}_ms": percentile(ordered, share) * 1000 if ordered else None
        for short, share in shares.items()
    }


def _noted(times: Path) -> Mapping[str, float]:
    lines = (line.split() for line in times.read_text().splitlines())
    return {whatsapp_id: float(seconds) for whatsapp_id, seconds in lines}
