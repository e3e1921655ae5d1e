"""What `make run` runs, as a table: a part of Waypost is added by adding its row."""

from collections.abc import Callable
from dataclasses import dataclass

from deploy.local.surroundings import (
    Surroundings,
    control_plane_environment,
    first_worker_environment,
    sandbox_environment,
)

EnvironmentOf = Callable[[Surroundings], dict[str, str]]


@dataclass(frozen=True, slots=True)
class SetupStep:
    """A command that runs once at each start."""

    name: str
    title: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChildRow:
    """Started in the table's order, ended in the reverse one."""

    name: str
    title: str
    arguments: tuple[str, ...]
    environment: EnvironmentOf
    stop_seconds: float
    ready_path: str = ""


# Run side by side, for most of their time is Python's own start.
CHECKS = (
    SetupStep("check-config", "Settings", ("control_plane", "check-config")),
    SetupStep("migrate", "Migrations", ("control_plane", "migrate")),
)

# Runs while the first child starts.
ADMIN_ACCOUNT = SetupStep(
    "create-admin",
    "Admin account",
    (
        "control_plane",
        "create-admin",
        "--email",
        "admin@waypost.example",
        "--name",
        "Admin",
        "--if-missing",
    ),
)

# The tables of the WhatsApp credentials, after the migrations that make their schema.
CREDENTIAL_STORE = SetupStep("prepare-store", "Credential store", ("worker", "prepare-store"))

# Its further arguments are in sandbox.py. Started before the checks, for it takes as long as they do.
SANDBOX = ChildRow("sandbox", "Sandbox", ("worker.sandbox",), sandbox_environment, 10.0)

CHILDREN = (
    # Longer than the API takes to finish what is in flight (WAYPOST_DRAIN_SECONDS).
    ChildRow("api", "API", ("control_plane", "api"), control_plane_environment, 15.0, "/health/ready"),
    ChildRow("background", "Background", ("control_plane", "background"), control_plane_environment, 10.0),
    ChildRow("worker", "Worker", ("worker",), first_worker_environment, 25.0),
)
