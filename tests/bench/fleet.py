"""Two workers and the sessions that they run, from the code to a crash. Everything runs for real."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

import aiohttp
import httpx

from deploy.local.errors import LaunchError
from tests.bench import fleet_pairing
from tests.bench.accounts import unlimited_api_key_at
from tests.bench.fleet_network import Phones
from tests.bench.fleet_owner import Owner
from tests.bench.fleet_servers import FleetServers
from tests.bench.fleet_traffic import Traffic
from tests.bench.fleet_trouble import Gaps, Trouble, flush
from tests.bench.plan import QUICK, Plan
from tests.bench.process_figures import family_seconds, postmaster
from tests.bench.stand import Stand
from tests.bench.tables import Column, Figures, Row, Table, percentile, row

_WAITS = (
    *(Column(f"{name}_s", f"{name} s", 2) for name in ("p50", "p95", "p99", "worst")),
    Column("tries", "tries", 0),
)
_GAPS = (
    Column("sessions", "sessions", 0),
    *(Column(f"since_{name}_s", f"{name} s", 2) for name in ("p50", "p99", "worst")),
    *(Column(f"told_{name}_s", f"gap {name}", 2) for name in ("p50", "p99", "worst")),
    *(Column(f"away_{name}_s", f"away {name}", 2) for name in ("p50", "worst")),
)
_PARTS = ("api", "background", "workers", "postgres", "emulator", "load")
_LOAD = (
    Column("per_second", "a second", 0),
    Column("p50_ms", "p50 ms", 1),
    Column("p99_ms", "p99 ms", 1),
    Column("of_read", "of GET", 2),
    *(
        Column(name, f"{name} %", 0)
        for name in ("api", "background", "workers", "postgres", "emulator", "load")
    ),
)
_WAITS_NOTES = (
    "to QR: until POST …/connect answers with it; to connected: from the call that scans to the event",
    "FLUSHALL: until Redis has the route of each session again; all tries of all rounds count alike",
    "aims: QR 2 s (p95), end of the process 20 s, routes 5 s",
)
_GAPS_NOTES = (
    "s: from what is done to one of two workers until each of its sessions is connected, without a scan",
    "gap: from the change that takes a session from connected to the one that brings it back",
    "away: from the end of a device's connection to its next, as the emulated network has it;",
    "the connections of a frozen worker stand, and end only when the next owner logs in",
    "aims: kill -9 5 s; SIGTERM a gap of 1 s (p50) and 3 s (worst); SIGSTOP 30 s",
    "leases of 15 s with a beat each 3 s, the times that a fleet has when nobody sets others",
)
_LOAD_NOTES = (
    "each session goes on when its last call is answered, for twice the seconds of a load over HTTP",
    "of GET: a second, against the GETs of the same round and as many sessions",
    "a text comes in: from the phone that is told to write to the event in the stream of GET /v1/events",
    "%: of one core; emulator is the network with its phones, which open each message and send receipts",
)


@dataclass(slots=True)
class _Rounds:
    waits: list[dict[str, list[float]]] = field(default_factory=list)
    gaps: list[dict[str, Gaps]] = field(default_factory=list)
    loads: list[dict[str, Figures]] = field(default_factory=list)


def run(stand: Stand, plan: Plan) -> list[Table]:
    servers = FleetServers(stand)
    key = unlimited_api_key_at(servers.url, stand.admin_password)
    try:
        rounds = asyncio.run(_measure(stand, plan, servers, key))
    except (TimeoutError, aiohttp.ClientError, httpx.HTTPError) as error:
        raise LaunchError("The fleet did not answer, or not in time:", repr(error)) from error
    return [
        Table("fleet", "Waiting", _WAITS, _pooled(rounds.waits), _WAITS_NOTES),
        Table("fleet", "Sessions whose worker is in trouble", _GAPS, _gap_rows(rounds.gaps), _GAPS_NOTES),
        Table("fleet", "Messages through the REST API", _LOAD, _load_rows(rounds.loads), _LOAD_NOTES),
    ]


async def _measure(stand: Stand, plan: Plan, servers: FleetServers, key: str) -> _Rounds:
    many, at_once = (4, 2) if plan == QUICK else (20, 10)
    parent = await postmaster(stand.postgres_url)

    def used() -> dict[str, float]:
        own = {"postgres": family_seconds(parent), "load": time.process_time()}
        return {**servers.processor_seconds(), **own}

    workers = servers.worker("worker-1"), servers.worker("worker-2")
    network, rounds = Phones(servers.network), _Rounds()
    try:
        async with Owner(servers.url, key) as owner:
            await asyncio.gather(*(worker.start() for worker in workers))
            for number in range(1, plan.rounds + 1):
                stand.say(f"fleet: round {number} of {plan.rounds}, {many} sessions are paired")
                names = [f"shop-{number}-{each}" for each in range(1, many + 1)]
                waits = await fleet_pairing.measure(owner, workers, names, at_once)
                stand.say("fleet: messages")
                rounds.loads.append(await Traffic(owner, network, plan, (1, at_once), used).run(names))
                trouble = Trouble(owner, network, workers, lambda line: stand.say(f"fleet: {line}"))
                found = await trouble.run()
                rounds.gaps.append(found.gaps)
                stand.say("fleet: FLUSHALL")
                flushed = {"FLUSHALL to whole routes": await flush(owner, stand.valkey_url)}
                rounds.waits.append({**waits, **found.waits, **flushed})
                await owner.delete_all()
    finally:
        await network.close()
    return rounds


def _pooled(rounds: Sequence[dict[str, list[float]]]) -> list[Row]:
    """A wait is as long as it is: the worst of all rounds is the worst."""
    rows = []
    for name in rounds[0]:
        taken = [one[name] for one in rounds]
        rows.append(Row(name, _waits([*chain.from_iterable(taken)]), [*map(_waits, taken)]))
    return rows


def _waits(taken: Sequence[float]) -> Figures:
    return {**_spread("", taken), "tries": float(len(taken))}


def _gap_rows(rounds: Sequence[dict[str, Gaps]]) -> list[Row]:
    rows = []
    for name in rounds[0]:
        pooled = Gaps()
        for one in rounds:
            pooled.add(one[name])
        rows.append(Row(name, _gaps(pooled), [_gaps(one[name]) for one in rounds]))
    return rows


def _gaps(gaps: Gaps) -> Figures:
    return {
        "sessions": float(len(gaps.since)),
        **_spread("since_", gaps.since),
        **_spread("told_", gaps.told),
        **_spread("away_", gaps.away),
    }


def _spread(prefix: str, taken: Sequence[float]) -> Figures:
    ordered, shares = sorted(taken), {"p50": 0.5, "p95": 0.95, "p99": 0.99, "worst": 1.0}
    return {
        f"{prefix}{name}_s": percentile(ordered, share) if ordered else None for name, share in shares.items()
    }


def _load_rows(rounds: Sequence[dict[str, Figures]]) -> list[Row]:
    return [row(name, [one[name] for one in rounds]) for name in rounds[0]]
