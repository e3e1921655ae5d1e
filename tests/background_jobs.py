"""The periodic work of the background process, as the tests run it: without a map of routes."""

from redis.asyncio import Redis

from control_plane import background
from control_plane.db.engine import Database
from control_plane.db.periodic import Job
from control_plane.fleet.routing import Routes
from control_plane.fleet.tokens import WorkerTokens
from control_plane.fleet.worker_client import WorkerClient
from control_plane.keyring import Keyring
from control_plane.messages.handing_over import HandingOver
from control_plane.messages.queue.late_results import LateResults
from control_plane.messages.queue.outboxes import sender_of
from control_plane.settings import Settings


def all_jobs(database: Database, settings: Settings) -> list[Job]:
    redis = Redis.from_url("redis://127.0.0.1:1")
    routes, client = Routes(redis), WorkerClient(WorkerTokens(Keyring(settings.master_keys)))
    sender = sender_of(settings, database, redis, client, HandingOver(database, client, routes))
    return background.jobs(database, settings, routes, LateResults(sender))
