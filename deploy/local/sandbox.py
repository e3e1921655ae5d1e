"""The emulated WhatsApp network of `make run`: where it is, and until when the others must wait for it."""

import json
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from deploy.local.child import Child
from deploy.local.errors import LaunchError
from deploy.local.ports import HOST, free_port, is_free
from deploy.local.private_files import make_private_folder, write_private

_READY_SECONDS = 30.0
_OFF = frozenset({"off", "false", "no", "0"})
_ON = frozenset({"", "on", "true", "yes", "1"})


def is_wanted(environment: Mapping[str, str]) -> bool:
    """Not when the environment names another network."""
    choice = environment.get("WAYPOST_SANDBOX", "").strip().lower()
    if choice not in _OFF | _ON:
        raise LaunchError(f"WAYPOST_SANDBOX must be on or off, not {choice[:40]!r}.")
    return choice in _ON and not environment.get("WAYPOST_SANDBOX_PROXY", "").strip()


class LocalSandbox:
    """Its ports stay the same, so that whoever knows it finds it again when it was restarted."""

    def __init__(self, home: Path) -> None:
        make_private_folder(home)
        proxy, control = _kept_ports(home / "ports.json")
        token_file = home / "control-token"
        # How to control it is known before it runs; how to get in it tells when it is ready.
        self.known = {"controlUrl": f"http://{HOST}:{control}", "controlToken": _kept_token(token_file)}
        self.arguments = (
            *("--data", str(home), "--control-token-file", str(token_file)),
            *("--port", str(proxy), "--control-port", str(control)),
        )
        self._record = home / "sandbox.json"
        # What a killed one has left would tell of nobody.
        self._record.unlink(missing_ok=True)

    def wait_until_ready(self, child: Child, pause: Callable[[float], None]) -> None:
        end = time.monotonic() + _READY_SECONDS
        while not self._record.exists():
            if not child.alive():
                raise LaunchError(f"{child.title} {child.how_it_ended()} before it was ready.")
            if time.monotonic() > end:
                raise LaunchError(f"{child.title} was not ready after {_READY_SECONDS:.0f} s.")
            pause(0.02)
        self.known = json.loads(self._record.read_text())


def _kept_ports(file: Path) -> tuple[int, int]:
    """Those of the last run, or others when somebody else has taken one of them."""
    try:
        kept = json.loads(file.read_text())
        proxy, control = int(kept["proxy"]), int(kept["control"])
        if proxy != control and is_free(proxy) and is_free(control):
            return proxy, control
    except (OSError, ValueError, KeyError, TypeError):
        pass
    proxy, control = free_port(), free_port()
    write_private(file, json.dumps({"proxy": proxy, "control": control}) + "\n")
    return proxy, control


def _kept_token(file: Path) -> str:
    if not file.exists():
        write_private(file, secrets.token_urlsafe(32) + "\n")
    return file.read_text().strip()
