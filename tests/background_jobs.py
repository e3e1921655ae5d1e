"""The periodic work of the background process, as the tests run it: without a map of routes."""

from redis.asyncio import Redis

from control_plane import background
from control_plane.db.engine import Database
from control_plane.db.periodic import Job
from control_plane.fleet.routing import Routes
from control_plane.fleet.tokens import WorkerTokens
from control_plane.fleet.worker_client import WorkerClient
from control_plane.keyring import Keyring
from control_plane.messages.queue.journals import Journals
from control_plane.messages.queue.late_results import LateResults
from control_plane.settings import Settings


def all_jobs(database: Database, settings: Settings) -> list[Job]:
    client = WorkerClient(WorkerTokens(Keyring(settings.master_keys)))
    late = LateResults(database, Journals(database, client, settings.journal_patience_seconds))
    nowhere = Routes(Redis.from_url("redis://127.0.0.1:1"))
    return background.jobs(database, settings, nowhere, late)
