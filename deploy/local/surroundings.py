"""The environment that each child gets: the worker never sees what belongs to the control plane."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.ports import HOST
from deploy.local.private_files import make_private_folder

_CONTROL_PLANE_ONLY = (
    "WAYPOST_DATABASE_URL",
    "WAYPOST_REDIS_URL",
    "WAYPOST_MASTER_KEY",
    "WAYPOST_JOIN_TOKENS",
    "WAYPOST_ADMIN_PASSWORD",
    "WAYPOST_SMTP_URL",
    "WAYPOST_METRICS_TOKEN",
    "WAYPOST_SANDBOX_CONTROL_URL",
    "WAYPOST_SANDBOX_CONTROL_TOKEN",
)


# What a worker must know of an emulated network, and how the network's record has it.
_SANDBOX = {
    "WAYPOST_SANDBOX_PROXY": "proxy",
    "WAYPOST_SANDBOX_CA": "certificate",
    "WAYPOST_SANDBOX_ROOT_KEY": "rootKey",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    inherited: Mapping[str, str]
    data_dir: Path
    port: int
    database_url: str
    redis_url: str
    master_key: str
    join_token: str
    # As the record of the emulated network has it; before that is written, only how to control it.
    sandbox: Mapping[str, str] = field(default_factory=dict)

    @property
    def store_url(self) -> str:
        """Of the WhatsApp credentials: the same database, unless the environment names another."""
        return self.inherited.get("WAYPOST_STORE_URL", "").strip() or self.database_url

    @property
    def api(self) -> str:
        return f"http://{HOST}:{self.port}"


def control_plane_environment(here: Surroundings) -> dict[str, str]:
    tokens = [here.inherited.get("WAYPOST_JOIN_TOKENS", "").strip(), here.join_token]
    return {
        **_common(here.inherited),
        "WAYPOST_DATA_DIR": str(here.data_dir),
        "WAYPOST_DATABASE_URL": here.database_url,
        "WAYPOST_REDIS_URL": here.redis_url,
        "WAYPOST_MASTER_KEY": here.master_key,
        "WAYPOST_HOST": HOST,
        "WAYPOST_PORT": str(here.port),
        # What people try out on their own machine may lead back to it.
        "WAYPOST_EGRESS_ALLOW": here.inherited.get("WAYPOST_EGRESS_ALLOW", "").strip()
        or "127.0.0.1/32,::1/128",
        "WAYPOST_JOIN_TOKENS": ",".join(token for token in tokens if token),
        **_sandbox_control(here),
    }


def first_worker_environment(here: Surroundings) -> dict[str, str]:
    return worker_environment(
        here.inherited,
        here.data_dir,
        "worker-1",
        here.api,
        here.join_token,
        store_url=here.store_url,
        sandbox=here.sandbox,
    )


def sandbox_environment(here: Surroundings) -> dict[str, str]:
    return {**_without_secrets(here.inherited), "WAYPOST_DATA_DIR": str(here.data_dir / "sandbox")}


def worker_environment(
    inherited: Mapping[str, str],
    data_dir: Path,
    worker_id: str,
    control_plane: str,
    join_token: str,
    *,
    store_url: str,
    sandbox: Mapping[str, str],
) -> dict[str, str]:
    """Without a store, sessions are kept in the worker's own folder."""
    folder = data_dir / "workers" / worker_id
    make_private_folder(folder.parent)
    make_private_folder(folder)
    return {
        **_without_secrets(inherited),
        **_sandbox(inherited, sandbox),
        "WAYPOST_DATA_DIR": str(folder),
        # Where the control plane looks for them.
        "WAYPOST_MEDIA_URL": inherited.get("WAYPOST_MEDIA_URL", "").strip() or str(data_dir / "media"),
        "WAYPOST_CONTROL_PLANE_URL": control_plane,
        "WAYPOST_JOIN_TOKEN": join_token,
        "WAYPOST_WORKER_ID": worker_id,
        **({"WAYPOST_STORE_URL": store_url} if store_url else {}),
    }


def _sandbox(inherited: Mapping[str, str], sandbox: Mapping[str, str]) -> dict[str, str]:
    """All or nothing: the address of one network and the key of another would be of no use."""
    if any(inherited.get(name, "").strip() for name in _SANDBOX):
        return {}
    return {name: sandbox[key] for name, key in _SANDBOX.items() if key in sandbox}


def _sandbox_control(here: Surroundings) -> dict[str, str]:
    if "controlUrl" not in here.sandbox or here.inherited.get("WAYPOST_SANDBOX_CONTROL_URL", "").strip():
        return {}
    return {
        "WAYPOST_SANDBOX_CONTROL_URL": here.sandbox["controlUrl"],
        "WAYPOST_SANDBOX_CONTROL_TOKEN": here.sandbox["controlToken"],
    }


def _without_secrets(inherited: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in _common(inherited).items() if name not in _CONTROL_PLANE_ONLY}


def _common(inherited: Mapping[str, str]) -> dict[str, str]:
    defaults = {"WAYPOST_ENVIRONMENT": "development", "WAYPOST_LOG_FORMAT": "json"}
    given = {name: value for name, value in inherited.items() if value or name not in defaults}
    # A proxy for the outside world must not be asked for addresses of this machine.
    direct = ",".join(
        filter(None, [inherited.get("NO_PROXY") or inherited.get("no_proxy"), "127.0.0.1,localhost"])
    )
    return {**defaults, **given, "NO_PROXY": direct, "no_proxy": direct, "PYTHONUNBUFFERED": "1"}
