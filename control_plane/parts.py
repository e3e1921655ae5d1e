"""What one process of the control plane holds for its whole life, put together."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from control_plane.accounts.access_tokens import AccessTokens
from control_plane.accounts.credentials import Credentials
from control_plane.accounts.mail import MailOutbox, OutgoingMail
from control_plane.accounts.passwords import PasswordHasher
from control_plane.accounts.refresh_tokens import RefreshTokens
from control_plane.accounts.sign_in import SignIn
from control_plane.db.engine import Database
from control_plane.db.revocations import RevocationFeed
from control_plane.egress.gate import Egress
from control_plane.events.tail import Tail
from control_plane.fleet.counters import FleetCounters
from control_plane.fleet.repository import FleetRepository
from control_plane.fleet.routing import Routes
from control_plane.fleet.tokens import WorkerTokens
from control_plane.fleet.worker_client import WorkerClient
from control_plane.http.limiter import FallbackLimiter
from control_plane.keyring import Keyring
from control_plane.messages.broadcasts.opt_outs import OptOutWords
from control_plane.messages.handing_over import HandingOver
from control_plane.messages.queue.outboxes import Outboxes, sender_of
from control_plane.observability.fleet_figures import FleetFigures
from control_plane.observability.health import Health
from control_plane.observability.metrics import PeriodicWorkCollector, new_registry
from control_plane.redis_map import connect
from control_plane.sandbox.emulator import Emulator
from control_plane.sessions.state_times import StateTimes
from control_plane.settings import Settings
from control_plane.supervision.fleet_reading import read_fleet
from control_plane.supervision.nudges import Nudges
from control_plane.supervision.probe import Probes
from control_plane.supervision.replica_beat import ReplicaBeat
from shared.environment import SettingsError
from shared.files.storage import ObjectStorage
from shared.version import VERSION


@dataclass(frozen=True, slots=True)
class Parts:
    """What one process holds for its whole life."""

    settings: Settings
    database: Database
    redis: Redis
    keyring: Keyring
    hasher: PasswordHasher
    registry: CollectorRegistry
    limiter: FallbackLimiter
    credentials: Credentials
    feed: RevocationFeed
    sign_in: SignIn
    health: Health
    tail: Tail
    periodic_work: PeriodicWorkCollector
    fleet_figures: FleetFigures
    fleet_counters: FleetCounters
    worker_tokens: WorkerTokens
    worker_client: WorkerClient
    nudges: Nudges
    probes: Probes
    replica_beat: ReplicaBeat
    handing_over: HandingOver
    outboxes: Outboxes
    emulator: Emulator
    storage: ObjectStorage
    egress: Egress

    async def close(self) -> None:
        await self.egress.close()
        await self.worker_client.close()
        await self.emulator.close()
        await self.redis.aclose()
        await self.database.close()
        self.hasher.close()


def assemble(settings: Settings, application: str = "waypost-api") -> Parts:
    database = Database(settings, application)
    redis = connect(settings.redis_url.reveal())
    keyring = Keyring(settings.master_keys)
    registry = new_registry()
    hasher = PasswordHasher(settings.hashing_threads, settings.hashing_queue)
    limiter = FallbackLimiter(redis, registry)
    access_tokens = AccessTokens(keyring, settings.access_token_seconds)
    refresh_tokens = RefreshTokens(keyring, settings.refresh_token_seconds, settings.refresh_grace_seconds)
    # The cache asks the feed whether it may be believed, the feed tells the cache what to forget.
    credentials = Credentials(database, keyring, access_tokens, lambda: feed.fresh)
    feed = RevocationFeed(database.dsn, credentials.forget)
    sign_in = SignIn(
        settings=settings,
        keyring=keyring,
        hasher=hasher,
        access_tokens=access_tokens,
        refresh_tokens=refresh_tokens,
        limiter=limiter,
        outbox=MailOutbox(keyring),
    )
    health = Health(
        database,
        redis,
        VERSION,
        queues={"mail": OutgoingMail},
        count_workers=lambda db: FleetRepository(db).counts(),
    )
    periodic_work = PeriodicWorkCollector()
    registry.register(periodic_work)
    fleet_figures = FleetFigures(database, read_fleet)
    registry.register(fleet_figures)
    database.carried[StateTimes.KEY] = StateTimes(registry)
    database.carried[OptOutWords.KEY] = OptOutWords(settings.opt_out_words)
    worker_tokens = WorkerTokens(keyring)
    worker_client, nudges = WorkerClient(worker_tokens), Nudges(database.dsn)
    handing_over = HandingOver(database, worker_client, Routes(redis))
    return Parts(
        settings=settings,
        database=database,
        redis=redis,
        keyring=keyring,
        hasher=hasher,
        registry=registry,
        limiter=limiter,
        credentials=credentials,
        feed=feed,
        sign_in=sign_in,
        health=health,
        tail=Tail(
            database,
            redis,
            draining=lambda: health.draining,
            streams_of_a_tenant=settings.streams_per_account,
        ),
        periodic_work=periodic_work,
        fleet_figures=fleet_figures,
        fleet_counters=FleetCounters(registry),
        worker_tokens=worker_tokens,
        worker_client=worker_client,
        nudges=nudges,
        probes=Probes(database, worker_client, nudges),
        replica_beat=ReplicaBeat(database, settings.lease_seconds),
        handing_over=handing_over,
        outboxes=Outboxes(sender_of(settings, database, redis, worker_client, handing_over)),
        emulator=Emulator(settings),
        storage=_storage(settings),
        egress=Egress.of(settings),
    )


def _storage(settings: Settings) -> ObjectStorage:
    try:
        return ObjectStorage.from_url(settings.media_url.reveal())
    except ValueError as error:
        raise SettingsError([f"WAYPOST_MEDIA_URL: {error}"]) from None
