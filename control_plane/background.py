"""The process of the claim loops: any number may run, each piece of work is done once."""

import argparse
import asyncio
import signal
from datetime import timedelta

import structlog
import uvloop

from control_plane.accounts.mail import MailLoop
from control_plane.accounts.repository import ExpiryRepository
from control_plane.db.engine import Database, SystemSite
from control_plane.db.periodic import Job, PeriodicWork
from control_plane.db.revocations import PurgedRevocations
from control_plane.egress.gate import Egress
from control_plane.events.retention import EventRetention
from control_plane.fleet.routing import Routes
from control_plane.fleet.tokens import WorkerTokens
from control_plane.fleet.worker_client import WorkerClient
from control_plane.http.idempotency import ExpiredKeys
from control_plane.keyring import Keyring
from control_plane.messages.broadcasts.feeding import Feeding
from control_plane.messages.files.removals import RemovalLoop
from control_plane.messages.handing_over import HandingOver
from control_plane.messages.history.erasing import ErasingLoop
from control_plane.messages.history.months import keep_months
from control_plane.messages.history.retention import Retention
from control_plane.messages.queue.clockwork import Clockwork
from control_plane.messages.queue.late_results import LateResults
from control_plane.messages.queue.outboxes import Outboxes, sender_of
from control_plane.observability import own_metrics
from control_plane.observability.metrics import new_registry
from control_plane.redis_map import connect
from control_plane.settings import Settings
from control_plane.supervision.comparison import Comparison
from control_plane.supervision.rebalancing import Rebalancing
from control_plane.supervision.route_map import RouteMap
from control_plane.supervision.sweeper import Sweeper
from control_plane.supervision.upkeep import Upkeep
from control_plane.webhooks.dispatch.cleaning import DeliveryRetention
from control_plane.webhooks.dispatch.dispatcher import Dispatcher
from control_plane.webhooks.secrets import Secrets
from shared.files.storage import ObjectStorage

log = structlog.get_logger(__name__)


def jobs(database: Database, settings: Settings, routes: Routes, late: LateResults) -> list[Job]:
    upkeep = Upkeep(database, Keyring(settings.master_keys), settings.unused_session_days)

    async def expired_credentials() -> int:
        async with database.system(SystemSite.PERIODIC_WORK) as session:
            return await ExpiryRepository(session).purge()

    async def expired_idempotency_keys() -> int:
        async with database.system(SystemSite.PERIODIC_WORK) as session:
            return await ExpiredKeys(session).purge()

    async def old_revocations() -> int:
        async with database.system(SystemSite.PERIODIC_WORK) as session:
            return await PurgedRevocations(session).purge()

    rebalancing = Rebalancing(database, settings.rebalance_seconds)
    comparison = Comparison(database, routes.clear_but)
    moves = [Job("rebalancing", timedelta(seconds=settings.rebalance_seconds), rebalancing.one_move)]
    return [
        *(moves if settings.rebalance_seconds else []),
        Job("expired-credentials", timedelta(minutes=15), expired_credentials),
        Job("expired-idempotency-keys", timedelta(minutes=15), expired_idempotency_keys),
        Job("old-revocations", timedelta(minutes=15), old_revocations),
        Job("expired-codes", timedelta(minutes=1), upkeep.expired_codes),
        Job("comparison", timedelta(minutes=5), comparison.run),
        Job("unused-sessions", timedelta(days=1), upkeep.unused_sessions),
        Job("late-results", timedelta(seconds=5), late.run),
        Job("message-months", timedelta(days=1), lambda: keep_months(database)),
        # Each run ends soon; the next one goes on.
        Job("old-messages", timedelta(minutes=15), Retention(database).run),
        Job("old-events", timedelta(minutes=15), EventRetention(database).run),
        Job("old-deliveries", timedelta(minutes=15), DeliveryRetention(database).run),
    ]


def run_until_stopped(settings: Settings, _options: argparse.Namespace) -> int:
    uvloop.run(run(settings))
    return 0


async def run(settings: Settings) -> None:
    """Until SIGTERM or SIGINT; then what was claimed is brought to its end."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    database = Database(settings, "waypost-background")
    try:
        await run_loops(settings, database, stopping)
    finally:
        await database.close()


async def run_loops(settings: Settings, database: Database, stopping: asyncio.Event) -> None:
    redis = connect(settings.redis_url.reveal())
    routes = Routes(redis)
    client = WorkerClient(WorkerTokens(Keyring(settings.master_keys)))
    sender = sender_of(settings, database, redis, client, HandingOver(database, client, routes))
    outboxes, clockwork = Outboxes(sender), Clockwork(database)
    feeding = Feeding(database, settings.bulk_seconds, sender.hint)
    late = LateResults(sender)
    periodic = PeriodicWork(database, jobs(database, settings, routes, late))
    await _registered(periodic, stopping)
    storage = ObjectStorage.from_url(settings.media_url.reveal())
    loops = [
        periodic.loop,
        MailLoop(database, Keyring(settings.master_keys), settings).loop,
        RemovalLoop(database, storage).loop,
        ErasingLoop(database).loop,
        feeding.loop,
    ]
    sweeper = Sweeper(database, lease_seconds=settings.lease_seconds, brake_seconds=settings.brake_seconds)
    route_map = RouteMap(database, routes)
    # A pool of connections of its own: receivers that hang hold up no files.
    egress = Egress.of(settings)
    registry = new_registry()
    keys = Secrets(Keyring(settings.master_keys))
    dispatcher = Dispatcher(database, redis, egress, keys, registry=registry)
    names = [*(loop.name for loop in loops), sweeper.name, route_map.name, dispatcher.name]
    log.info("background_started", loops=names)
    figures = own_metrics.served(
        registry, settings.host, settings.background_metrics_port, settings.metrics_token
    )
    async with figures, asyncio.TaskGroup() as group:
        for claim_loop in loops:
            group.create_task(claim_loop.run(stopping), name=claim_loop.name)
        group.create_task(outboxes.run(stopping), name=outboxes.loop.name)
        group.create_task(clockwork.run(stopping), name=clockwork.name)
        group.create_task(sweeper.run(stopping), name=sweeper.name)
        group.create_task(route_map.run(stopping), name=route_map.name)
        group.create_task(dispatcher.run(stopping), name=dispatcher.name)
    await egress.close()
    await client.close()
    await redis.aclose()
    log.info("background_stopped")


async def _registered(periodic: PeriodicWork, stopping: asyncio.Event) -> None:
    """The database may come up after us."""
    pause = 0.5
    while not stopping.is_set():
        try:
            await periodic.register()
            return
        except Exception as error:
            log.warning("waiting_for_database", error=type(error).__name__)
            try:
                await asyncio.wait_for(stopping.wait(), pause)
            except TimeoutError:
                pause = min(pause * 2, 10)
