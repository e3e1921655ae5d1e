"""Every setting of a worker: read once from the environment, cross-checked, frozen, passed in."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.environment import EnvironmentReader
from shared.ids import WorkerId, normalise_name
from shared.log_lines import LogFormat
from shared.redaction import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    worker_id: WorkerId
    control_plane_url: str
    join_token: Secret
    data_dir: Path
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
            data_dir=reader.path("WAYPOST_DATA_DIR", ".waypost"),
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
