"""Webhooks: deliveries a second of one process, how soon each begins, what a dead endpoint costs others."""

import asyncio
import os
import time
import uuid
from contextlib import AsyncExitStack

import aiohttp
import asyncpg
from redis.asyncio import Redis

from control_plane.events.hints import CHANNEL
from deploy.local.errors import LaunchError
from deploy.local.ports import HOST, free_port
from tests.bench.plan import Plan
from tests.bench.process_figures import family_seconds, postmaster
from tests.bench.stand import Stand, wait_until_ready
from tests.bench.tables import Column, Figures, Table, row
from tests.bench.webhook_accounts import Customer
from tests.waiting import until

_SESSIONS = [uuid.UUID(int=number + 1) for number in range(50)]
_ENDPOINTS, _HEALTHY = 10, 99
_PER_SECOND = 100
_PATIENCE = 120.0
_COLUMNS = (
    Column("per_second", "deliveries/s", 0),
    Column("p50_ms", "p50 ms", 1),
    Column("p99_ms", "p99 ms", 1),
    Column("background_ms", "background", 2),
    Column("postgres_ms", "postgres", 2),
    Column("share", "of alone %", 0),
)
_NOTES = (
    f"sustained: what {_ENDPOINTS} endpoints of one account have not got yet, to one receiver, one process",
    f"in time: {_PER_SECOND} events a second of {len(_SESSIONS)} sessions; from the commit to the receiver",
    f"{_HEALTHY} healthy: one after the other event for all of them, alone and beside one that never answers",
    "background, postgres: processor time for each delivery, in ms",
    "aims: 800 a second, p99 500 ms, 80 % beside a dead one",
)


def run(stand: Stand, plan: Plan) -> list[Table]:
    load_before = os.getloadavg()[0]
    try:
        rounds = asyncio.run(_measure(stand, plan))
    except (TimeoutError, aiohttp.ClientError) as error:
        raise LaunchError("The deliveries did not arrive, or not in time:", repr(error)) from error
    rows = [row(name, [one[name] for one in rounds]) for name in rounds[0]]
    busy = f"busy: {load_before:.2f} processes before the run, {os.getloadavg()[0]:.2f} at its end"
    return [Table("webhooks", "Webhooks by one process", _COLUMNS, rows, (*_NOTES, busy))]


async def _measure(stand: Stand, plan: Plan) -> list[dict[str, Figures]]:
    stand.make_schema()
    environment = {**stand.environment, "WAYPOST_EGRESS_ALLOW": HOST, "WAYPOST_LOG_LEVEL": "warning"}
    background = stand.child("background", ("control_plane", "background"), environment)
    background.start()
    async with AsyncExitStack() as ends:
        database = await asyncpg.connect(stand.postgres_url)
        ends.push_async_callback(database.close)
        redis = await ends.enter_async_context(Redis.from_url(stand.valkey_url))
        http = await ends.enter_async_context(aiohttp.ClientSession())
        pids = {"background": background.pid or 0, "postgres": await postmaster(stand.postgres_url)}
        rounds = []
        for number in range(1, plan.rounds + 1):
            stand.say(f"webhooks: round {number} of {plan.rounds}")
            rounds.append(await _Round(stand, plan, database, redis, http, pids).figures())
        return rounds


class _Round:
    def __init__(
        self,
        stand: Stand,
        plan: Plan,
        database: asyncpg.Connection,
        redis: Redis,
        http: aiohttp.ClientSession,
        pids: dict[str, int],
    ) -> None:
        self._stand = stand
        self._plan = plan
        self._database = database
        self._redis = redis
        self._http = http
        self._pids = pids

    async def figures(self) -> dict[str, Figures]:
        events = int(self._plan.seconds * 400)
        alone, beside = f"{_HEALTHY} healthy", f"{_HEALTHY} and a dead one"
        found: dict[str, dict[str, float | None]] = {
            "sustained": await self._burst(_ENDPOINTS, events, dead=False),
            f"at {_PER_SECOND} a second": await self._paced(),
            alone: await self._burst(_HEALTHY, events // 10, dead=False),
            beside: await self._burst(_HEALTHY, events // 10, dead=True),
        }
        of_alone = (found[beside]["per_second"] or 0) / (found[alone]["per_second"] or 1) * 100
        return {name: {**each, "share": of_alone if name == beside else None} for name, each in found.items()}

    async def _burst(self, endpoints: int, events: int, *, dead: bool) -> dict[str, float | None]:
        receiver, customer = await self._begin(endpoints, dead=dead)
        before, began = self._processor(), time.time()
        # In pieces, as they come: one after the other event of a piece waits for nobody.
        for _ in range(max(events // 50, 1)):
            await customer.happen(min(events, 50), _SESSIONS)
            await self._redis.publish(CHANNEL, b"")
        expected = max(events // 50, 1) * min(events, 50) * endpoints
        arrived = await self._arrived(receiver, expected)
        figures = self._costs(before, expected)
        await customer.no_endpoints()
        return {
            "per_second": expected / (arrived["last"] - began),
            "p50_ms": None,
            "p99_ms": None,
            **figures,
        }

    async def _paced(self) -> dict[str, float | None]:
        receiver, customer = await self._begin(1, dead=False)
        before, began = self._processor(), time.perf_counter()
        count = int(_PER_SECOND * self._plan.seconds * 2)
        for number in range(count):
            await asyncio.sleep(began + number / _PER_SECOND - time.perf_counter())
            await customer.happen(1, _SESSIONS[number % len(_SESSIONS) :])
            await self._redis.publish(CHANNEL, b"")
        arrived = await self._arrived(receiver, count)
        figures = self._costs(before, count)
        await customer.no_endpoints()
        return {
            "per_second": count / arrived["seconds"],
            "p50_ms": arrived["p50"] * 1000,
            "p99_ms": arrived["p99"] * 1000,
            **figures,
        }

    async def _begin(self, endpoints: int, *, dead: bool) -> tuple[str, Customer]:
        customer = Customer(self._database, self._stand.settings)
        await customer.register()
        receiver = self._receiver()
        urls = [f"{receiver}/hook-{number}" for number in range(endpoints)]
        await customer.endpoints([*urls, *([f"{self._receiver()}/dead"] if dead else [])])
        return receiver, customer

    def _receiver(self) -> str:
        port = free_port()
        child = self._stand.child(
            f"receiver-{port}", ("tests.bench.webhook_receiver", str(port)), self._stand.inherited()
        )
        child.start()
        url = f"http://{HOST}:{port}"
        wait_until_ready(child, f"{url}/figures")
        return url

    async def _arrived(self, receiver: str, expected: int) -> dict[str, float]:
        found: dict[str, float] = {}

        async def all_there() -> bool:
            async with self._http.get(f"{receiver}/figures") as answer:
                found.update(await answer.json())
            await asyncio.sleep(0.2)
            return found["different"] >= expected

        await until(all_there, within=_PATIENCE)
        return found

    def _processor(self) -> dict[str, float]:
        return {name: family_seconds(pid) for name, pid in self._pids.items()}

    def _costs(self, before: dict[str, float], deliveries: int) -> dict[str, float | None]:
        after = self._processor()
        return {f"{name}_ms": (after[name] - was) / deliveries * 1000 for name, was in before.items()}
