"""The surroundings of an engine process: the real network, or an emulated one, never both."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from worker.engines.link import ROOT_KEY_VARIABLE
from worker.engines.process import EngineKind

REAL = "real"
SANDBOX = "sandbox"

# What Go and Python need of ours, and an operator's own way out to the internet. Nothing else gets in.
_PASSED = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "GOMAXPROCS",
)
_PASSED_TO_REAL = ("HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """Where an emulated network is; whichever implementation of it."""

    proxy: str
    certificate: Path
    root_key: bytes


def real_engines(
    environment: Mapping[str, str], sessions_max: int, inherited: tuple[int, ...] = ()
) -> EngineKind:
    passed = _chosen(environment, (*_PASSED, *_PASSED_TO_REAL))
    return EngineKind(
        network=REAL, environment=_quiet(passed), sessions_max=sessions_max, inherited=inherited
    )


def sandbox_engines(
    environment: Mapping[str, str],
    sandbox: SandboxSettings,
    sessions_max: int,
    inherited: tuple[int, ...] = (),
) -> EngineKind:
    """Go reads these at its start and never again, so that such an engine can reach nothing else."""
    own = {
        "HTTPS_PROXY": sandbox.proxy,
        "SSL_CERT_FILE": str(sandbox.certificate),
        "SSL_CERT_DIR": os.devnull,
        ROOT_KEY_VARIABLE: sandbox.root_key.hex(),
    }
    passed = _chosen(environment, _PASSED) | own
    return EngineKind(
        network=SANDBOX, environment=_quiet(passed), sessions_max=sessions_max, inherited=inherited
    )


def _chosen(environment: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return {name: environment[name] for name in names if environment.get(name)}


def _quiet(environment: dict[str, str]) -> dict[str, str]:
    return {
        # Sessions wait for the network, not for processors: more of Go's threads only change places.
        "GOMAXPROCS": str(max(1, (os.cpu_count() or 1) // 4)),
        **environment,
        # Without it the library marks messages to people as a bot's.
        "NEONIZE_BOT_TAG": "off",
        "PYTHONUNBUFFERED": "1",
    }
