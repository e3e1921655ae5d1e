"""Every setting of a worker: read once from the environment, cross-checked, frozen, passed in."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.environment import EnvironmentReader, SettingsError
from shared.files.errors import MediaError
from shared.files.storage import ObjectStorage
from shared.ids import WorkerId, normalise_name
from shared.log_lines import LogFormat
from shared.redaction import Secret
from worker.engines.networks import SandboxSettings
from worker.media.ffmpeg import Ffmpeg, find_ffmpeg

# To listen there is fine; to be called there is not.
_EVERYWHERE = frozenset({"0.0.0.0", "::", "[::]"})  # noqa: S104


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """What the engines and their surroundings need, with or without a control plane."""

    data_dir: Path
    store_url: Secret | None
    sandbox: SandboxSettings | None
    sessions_per_engine: int
    spare_engines: int
    probe_seconds: float
    media_url: Secret
    ffmpeg: str

    @classmethod
    def read(cls, reader: EnvironmentReader) -> "NodeSettings":
        data_dir = reader.path("WAYPOST_DATA_DIR", ".waypost")
        return cls(
            data_dir=data_dir,
            store_url=_store_url(reader),
            sandbox=_sandbox(reader),
            sessions_per_engine=reader.integer("WAYPOST_ENGINE_SESSIONS", 50, minimum=1, maximum=200),
            spare_engines=reader.integer("WAYPOST_ENGINE_SPARES", 1, minimum=0, maximum=4),
            probe_seconds=reader.seconds("WAYPOST_PROBE_SECONDS", 30, minimum=0.5, maximum=3600),
            media_url=reader.secret("WAYPOST_MEDIA_URL") or Secret(str(data_dir / "media")),
            ffmpeg=reader.text("WAYPOST_FFMPEG"),
        )

    def storage(self) -> ObjectStorage:
        try:
            return ObjectStorage.from_url(self.media_url.reveal())
        except (ValueError, MediaError) as error:
            raise SettingsError([f"WAYPOST_MEDIA_URL: {error}"]) from None

    def converter(self) -> Ffmpeg | None:
        """None on a machine without one: what needs it is then refused, with these words."""
        try:
            program = find_ffmpeg(self.ffmpeg)
        except ValueError as error:
            raise SettingsError([f"WAYPOST_FFMPEG: {error}"]) from None
        return Ffmpeg(program) if program is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`endpoint` is empty where others reach this worker by the address that it listens on."""

    worker_id: WorkerId
    control_plane_url: str
    join_token: Secret
    host: str
    port: int
    endpoint: str
    capacity: int
    labels: Mapping[str, str]
    environment: str
    spool_max_events: int
    node: NodeSettings
    log_format: LogFormat
    log_level: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        reader = EnvironmentReader(os.environ if environment is None else environment)
        settings = cls(
            worker_id=_worker_id(reader),
            control_plane_url=reader.url(
                "WAYPOST_CONTROL_PLANE_URL", ("http", "https"), required=True
            ).rstrip("/"),
            join_token=reader.secret("WAYPOST_JOIN_TOKEN", required=True) or Secret(""),
            host=(host := reader.text("WAYPOST_WORKER_HOST", "127.0.0.1")),
            port=reader.integer("WAYPOST_WORKER_PORT", 0, minimum=0, maximum=65535),
            endpoint=_endpoint(reader, host),
            capacity=reader.integer("WAYPOST_WORKER_CAPACITY", 100, minimum=0, maximum=10_000),
            labels=_labels(reader),
            environment=reader.text("WAYPOST_ENVIRONMENT", "production").lower(),
            spool_max_events=reader.integer(
                "WAYPOST_SPOOL_MAX_EVENTS", 200_000, minimum=1_000, maximum=100_000_000
            ),
            node=NodeSettings.read(reader),
            log_format=reader.choice("WAYPOST_LOG_FORMAT", LogFormat, LogFormat.JSON),
            log_level=reader.text("WAYPOST_LOG_LEVEL", "info"),
        )
        reader.done()
        return settings


def _worker_id(reader: EnvironmentReader) -> WorkerId:
    name = "WAYPOST_WORKER_ID"
    given = reader.text(name, required=True)
    worker_id = normalise_name(given)
    if given and worker_id is None:
        reader.refuse(name, f"must be 1 to 50 letters, digits and hyphens, not {given[:60]!r}")
    return WorkerId(worker_id or "")


def _endpoint(reader: EnvironmentReader, host: str) -> str:
    name = "WAYPOST_WORKER_ENDPOINT"
    endpoint = reader.url(name, ("http", "https")).rstrip("/")
    if not endpoint and host in _EVERYWHERE:
        reader.refuse(name, f"is not set, and nobody can be told to call {host}: set the URL of this worker")
    return endpoint


def _labels(reader: EnvironmentReader) -> dict[str, str]:
    name, labels = "WAYPOST_WORKER_LABELS", {}
    for item in reader.items(name):
        key, equals, value = (part.strip() for part in item.partition("="))
        if not key or not equals:
            reader.refuse(
                name, f"must be a list such as region=eu,disk=fast; {item[:40]!r} is no part of one"
            )
        labels[key] = value
    return labels


def _store_url(reader: EnvironmentReader) -> Secret | None:
    """Without it sessions are kept in files, and can run on this worker only."""
    url = reader.url("WAYPOST_STORE_URL", ("postgresql", "postgres"))
    return Secret(url) if url else None


def _sandbox(reader: EnvironmentReader) -> SandboxSettings | None:
    """All three or none: with none, this worker runs no sandbox sessions."""
    proxy_name, certificate_name = "WAYPOST_SANDBOX_PROXY", "WAYPOST_SANDBOX_CA"
    key_name = "WAYPOST_SANDBOX_ROOT_KEY"
    given = {name: reader.raw(name) for name in (proxy_name, certificate_name, key_name)}
    if not any(given.values()):
        return None
    proxy, certificate, key = reader.url(proxy_name, ("http",)), given[certificate_name], given[key_name]
    for name, value in given.items():
        if not value:
            reader.refuse(name, "is not set, though other settings of the sandbox are: set all three")
    if certificate and not Path(certificate).is_file():
        reader.refuse(certificate_name, "names no file; the emulated network prints where its own is")
    if key and not re.fullmatch(r"[0-9a-fA-F]{64}", key):
        reader.refuse(key_name, "must be 64 hexadecimal digits")
        return None
    return SandboxSettings(proxy=proxy, certificate=Path(certificate), root_key=bytes.fromhex(key))
