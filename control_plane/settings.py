"""Every setting of the control plane: read once from the environment, cross-checked, frozen, passed in."""

import base64
import binascii
import ipaddress
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from shared.environment import EnvironmentReader, SettingsError
from shared.log_lines import LogFormat
from shared.redaction import Secret

__all__ = ["Deployment", "LogFormat", "Registration", "Settings", "SettingsError"]

# Each as a whole message, of any case, says in one of the larger languages that somebody wants no more of it.
_OPT_OUT_WORDS = (
    *("STOP", "UNSUBSCRIBE", "STOPP", "STOP ALL", "ABMELDEN", "BAJA", "PARAR", "SAIR"),
    *("CANCELAR SUSCRIPCIÓN",),
    *("DÉSABONNER", "ARRÊT", "CANCELLAMI", "AFMELDEN", "BERHENTI", "СТОП", "ОТПИСАТЬСЯ", "توقف", "रोकें"),
)


class Networks:
    """A list of networks that can be asked whether an address is in it."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks = [ipaddress.ip_network(network, strict=False) for network in networks]

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __contains__(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)


class Deployment(StrEnum):
    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"


class Registration(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    deployment: Deployment
    database_url: Secret
    redis_url: Secret
    # The first one encrypts and signs, every one decrypts and verifies: that is how a key is rotated.
    master_keys: tuple[Secret, ...]
    host: str
    port: int
    public_url: str
    data_dir: Path
    log_format: LogFormat
    log_level: str
    registration: Registration
    access_token_seconds: float
    refresh_token_seconds: float
    refresh_grace_seconds: float
    password_reset_seconds: float
    hashing_threads: int
    hashing_queue: int
    max_body_bytes: int
    database_pool: int
    cors_origins: tuple[str, ...]
    trusted_proxies: Networks
    metrics_token: Secret | None
    background_metrics_port: int
    smtp_url: Secret | None
    mail_from: str
    join_tokens: tuple[Secret, ...]
    address_requests_per_minute: int
    drain_seconds: float
    lease_seconds: float
    heartbeat_seconds: float
    rebalance_seconds: float
    brake_seconds: float
    media_url: Secret
    recipient_messages_per_minute: int
    session_messages_per_minute: int
    send_wait_seconds: float
    journal_patience_seconds: float
    bulk_seconds: float
    broadcast_messages_per_minute: int
    opt_out_words: tuple[str, ...]
    unused_session_days: int
    sandbox_control_url: str
    sandbox_control_token: Secret | None
    streams_per_account: int
    egress_allow: Networks
    egress_ports: tuple[range, ...]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        return read_settings(EnvironmentReader(os.environ if environment is None else environment))


def read_settings(reader: EnvironmentReader) -> Settings:
    deployment = reader.choice("WAYPOST_ENVIRONMENT", Deployment, Deployment.PRODUCTION)
    data_dir = reader.path("WAYPOST_DATA_DIR", ".waypost")
    settings = Settings(
        deployment=deployment,
        database_url=Secret(
            reader.url("WAYPOST_DATABASE_URL", ("postgresql", "postgres"), required=True),
        ),
        redis_url=Secret(
            reader.url("WAYPOST_REDIS_URL", ("redis", "rediss", "unix"), required=True),
        ),
        master_keys=_master_keys(reader),
        host=reader.text("WAYPOST_HOST", "127.0.0.1"),
        port=reader.integer("WAYPOST_PORT", 8000, minimum=0, maximum=65535),
        public_url=reader.url("WAYPOST_PUBLIC_URL", ("http", "https")).rstrip("/"),
        data_dir=data_dir,
        log_format=reader.choice("WAYPOST_LOG_FORMAT", LogFormat, LogFormat.JSON),
        log_level=_log_level(reader),
        registration=reader.choice("WAYPOST_REGISTRATION", Registration, Registration.OPEN),
        access_token_seconds=reader.seconds("WAYPOST_ACCESS_TOKEN_SECONDS", 900, minimum=5, maximum=86_400),
        refresh_token_seconds=reader.seconds(
            "WAYPOST_REFRESH_TOKEN_SECONDS", 30 * 86_400, minimum=60, maximum=366 * 86_400
        ),
        refresh_grace_seconds=reader.seconds("WAYPOST_REFRESH_GRACE_SECONDS", 10, minimum=0, maximum=300),
        password_reset_seconds=reader.seconds(
            "WAYPOST_PASSWORD_RESET_SECONDS", 3600, minimum=60, maximum=86_400
        ),
        # Half of the cores: a storm of log-ins must not starve the requests of everybody else.
        hashing_threads=reader.integer(
            "WAYPOST_HASHING_THREADS", max(1, (os.cpu_count() or 1) // 2), minimum=1, maximum=64
        ),
        hashing_queue=reader.integer("WAYPOST_HASHING_QUEUE", 64, minimum=1, maximum=10_000),
        max_body_bytes=reader.integer("WAYPOST_MAX_BODY_BYTES", 1_048_576, minimum=1024, maximum=268_435_456),
        database_pool=reader.integer("WAYPOST_DATABASE_POOL", 20, minimum=1, maximum=500),
        cors_origins=_origins(reader),
        trusted_proxies=_networks(reader, "WAYPOST_TRUSTED_PROXIES"),
        metrics_token=reader.secret("WAYPOST_METRICS_TOKEN"),
        background_metrics_port=reader.integer(
            "WAYPOST_BACKGROUND_METRICS_PORT", 0, minimum=0, maximum=65535
        ),
        smtp_url=_smtp(reader),
        mail_from=reader.text("WAYPOST_MAIL_FROM", "waypost@localhost"),
        join_tokens=_join_tokens(reader),
        address_requests_per_minute=reader.integer(
            "WAYPOST_ADDRESS_REQUESTS_PER_MINUTE", 300, minimum=1, maximum=1_000_000
        ),
        drain_seconds=reader.seconds("WAYPOST_DRAIN_SECONDS", 10, minimum=0, maximum=300),
        lease_seconds=reader.seconds("WAYPOST_LEASE_SECONDS", 15, minimum=1, maximum=600),
        heartbeat_seconds=reader.seconds("WAYPOST_HEARTBEAT_SECONDS", 3, minimum=0.1, maximum=120),
        rebalance_seconds=reader.seconds("WAYPOST_REBALANCE_SECONDS", 10, minimum=0, maximum=86_400),
        brake_seconds=reader.seconds("WAYPOST_BRAKE_SECONDS", 60, minimum=0, maximum=3600),
        media_url=reader.secret("WAYPOST_MEDIA_URL")
        or Secret(str(reader.path("WAYPOST_DATA_DIR", ".waypost") / "media")),
        recipient_messages_per_minute=reader.integer(
            "WAYPOST_RECIPIENT_MESSAGES_PER_MINUTE", 30, minimum=1, maximum=1_000_000
        ),
        session_messages_per_minute=reader.integer(
            "WAYPOST_SESSION_MESSAGES_PER_MINUTE", 120, minimum=1, maximum=1_000_000
        ),
        send_wait_seconds=reader.seconds("WAYPOST_SEND_WAIT_SECONDS", 10, minimum=0.1, maximum=60),
        journal_patience_seconds=reader.seconds(
            "WAYPOST_JOURNAL_PATIENCE_SECONDS", 10, minimum=0, maximum=600
        ),
        bulk_seconds=reader.seconds("WAYPOST_BULK_SECONDS", 3, minimum=0, maximum=3600),
        broadcast_messages_per_minute=reader.integer(
            "WAYPOST_BROADCAST_MESSAGES_PER_MINUTE", 60, minimum=1, maximum=100_000
        ),
        opt_out_words=reader.items("WAYPOST_OPT_OUT_WORDS") or _OPT_OUT_WORDS,
        unused_session_days=reader.integer("WAYPOST_UNUSED_SESSION_DAYS", 30, minimum=1, maximum=3650),
        sandbox_control_url=reader.url("WAYPOST_SANDBOX_CONTROL_URL", ("http", "https")).rstrip("/"),
        sandbox_control_token=reader.secret("WAYPOST_SANDBOX_CONTROL_TOKEN"),
        streams_per_account=reader.integer("WAYPOST_STREAMS_PER_ACCOUNT", 50, minimum=1, maximum=10_000),
        egress_allow=_networks(reader, "WAYPOST_EGRESS_ALLOW"),
        egress_ports=_ports(reader, "WAYPOST_EGRESS_PORTS", "80,443,1024-65535"),
    )
    if deployment is Deployment.PRODUCTION and settings.smtp_url and not settings.public_url:
        reader.refuse("WAYPOST_PUBLIC_URL", "must be set with WAYPOST_SMTP_URL: mails hold links to it")
    if settings.heartbeat_seconds * 3 > settings.lease_seconds:
        reader.refuse("WAYPOST_HEARTBEAT_SECONDS", "must fit three times into WAYPOST_LEASE_SECONDS")
    reader.done()
    return settings


def _master_keys(reader: EnvironmentReader) -> tuple[Secret, ...]:
    name = "WAYPOST_MASTER_KEY"
    keys = reader.items(name)
    if not keys:
        reader.refuse(name, "is not set; make one with: openssl rand -base64 32")
    for position, key in enumerate(keys, start=1):
        if len(_decoded(key)) < 32:
            which = f"key {position} " if len(keys) > 1 else ""
            reader.refuse(name, f"{which}must be at least 32 random bytes in base64 or hexadecimal")
    return tuple(Secret(key) for key in keys)


def _decoded(key: str) -> bytes:
    try:
        if len(key) >= 64 and set(key.lower()) <= set("0123456789abcdef"):
            return bytes.fromhex(key)
        return base64.b64decode(
            key.replace("-", "+").replace("_", "/") + "=" * (-len(key) % 4), validate=True
        )
    except (ValueError, binascii.Error):
        return b""


def _log_level(reader: EnvironmentReader) -> str:
    level = reader.text("WAYPOST_LOG_LEVEL", "info").lower()
    if level not in {"debug", "info", "warning", "error"}:
        reader.refuse("WAYPOST_LOG_LEVEL", f"must be debug, info, warning or error, not {level[:40]!r}")
    return level


def _origins(reader: EnvironmentReader) -> tuple[str, ...]:
    name = "WAYPOST_CORS_ORIGINS"
    origins = reader.items(name)
    for origin in origins:
        if not origin.startswith(("http://", "https://")) or origin.count("/") != 2:
            reader.refuse(name, f"{origin[:80]!r} is no origin; write it like https://app.example.com")
    return origins


def _networks(reader: EnvironmentReader, name: str) -> Networks:
    items = reader.items(name)
    for item in items:
        try:
            Networks([item])
        except ValueError:
            reader.refuse(name, f"{item[:80]!r} is no network; write it like 10.0.0.0/8 or 127.0.0.1")
            return Networks()
    return Networks(items)


def _ports(reader: EnvironmentReader, name: str, default: str) -> tuple[range, ...]:
    ranges = []
    for item in reader.items(name) or default.split(","):
        ends = [part.strip() for part in item.split("-")]
        if len(ends) > 2 or not all(part.isascii() and part.isdigit() and len(part) <= 5 for part in ends):
            reader.refuse(name, f"{item[:80]!r} is no port; write them like 80,443,1024-65535")
            return ()
        low, high = int(ends[0]), int(ends[-1])
        if not 1 <= low <= high <= 65535:
            reader.refuse(name, f"{item[:80]!r} must go upwards, from 1 to 65535")
            return ()
        ranges.append(range(low, high + 1))
    return tuple(ranges)


def _smtp(reader: EnvironmentReader) -> Secret | None:
    url = reader.url("WAYPOST_SMTP_URL", ("smtp", "smtps"))
    return Secret(url) if url else None


def _join_tokens(reader: EnvironmentReader) -> tuple[Secret, ...]:
    name = "WAYPOST_JOIN_TOKENS"
    tokens = reader.items(name)
    if any(len(token) < 16 for token in tokens):
        reader.refuse(name, "each join token must have at least 16 characters")
    return tuple(Secret(token) for token in tokens)
