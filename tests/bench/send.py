"""Sending texts the whole way, beside the engine by itself: rates, costs and what we add to each message."""

import asyncio
import os
from contextlib import AsyncExitStack

import aiohttp
import httpx

from deploy.local.errors import LaunchError
from tests.bench.accounts import unlimited_api_key_at
from tests.bench.fleet_network import Phones
from tests.bench.fleet_owner import Owner
from tests.bench.fleet_servers import FleetServers
from tests.bench.plan import Plan
from tests.bench.process_figures import postmaster
from tests.bench.send_engine import lone_engine
from tests.bench.send_meter import Meter
from tests.bench.send_people import connected_pairs
from tests.bench.send_round import CONNECTIONS, Parts, Round
from tests.bench.send_tables import tables
from tests.bench.send_way import Way
from tests.bench.stand import Stand
from tests.bench.tables import Table

_SESSIONS = 10


def run(stand: Stand, plan: Plan) -> list[Table]:
    load_before = os.getloadavg()[0]
    servers = FleetServers(stand)
    key = unlimited_api_key_at(servers.url, stand.admin_password)
    try:
        rounds = asyncio.run(_measure(stand, plan, servers, key))
    except (TimeoutError, aiohttp.ClientError, httpx.HTTPError) as error:
        raise LaunchError("The fleet did not answer, or not in time:", repr(error)) from error
    return tables(rounds, load_before, os.getloadavg()[0])


async def _measure(stand: Stand, plan: Plan, servers: FleetServers, key: str) -> list[Round]:
    times = stand.folder / "engine-times"
    worker = servers.worker("worker-1", ("tests.bench.send_worker", str(times)))
    async with AsyncExitStack() as ends:
        await worker.start()
        owner = await ends.enter_async_context(Owner(servers.url, key, CONNECTIONS))
        network = Phones(servers.network)
        ends.push_async_callback(network.close)
        meter = Meter(stand, servers, worker, await postmaster(stand.postgres_url))
        await ends.enter_async_context(meter)
        stand.say(f"send: {_SESSIONS} sessions are paired, and as many for the engine by itself")
        names = [f"shop-{number}" for number in range(1, _SESSIONS + 1)]
        pairs = await connected_pairs(owner, network, names)
        engine = await ends.enter_async_context(lone_engine(stand, servers, _SESSIONS))
        parts = Parts(owner, pairs, Way(stand, servers, network, meter, key), engine, times)
        rounds = []
        for number in range(1, plan.rounds + 1):
            stand.say(f"send: round {number} of {plan.rounds}")
            rounds.append(await parts.round(plan, stand.postgres_url))
        return rounds
