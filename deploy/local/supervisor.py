"""Keeps children running: one that dies is started again, later each time it dies soon."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from deploy.local.errors import LaunchError
from deploy.local.processes import never
from deploy.local.terminal import Terminal

_SHORTEST, _LONGEST, _STEADY = 0.5, 30.0, 60.0


class Supervised(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def pid(self) -> int | None: ...
    @property
    def log_file(self) -> Path: ...
    def start(self) -> None: ...
    def alive(self) -> bool: ...
    def stop(self, hurry: Callable[[], bool] = never) -> None: ...
    def how_it_ended(self) -> str: ...


class _Kept:
    def __init__(self, child: Supervised) -> None:
        self.child = child
        self.started_at = time.monotonic()
        self.delay = 0.0
        self.restart_at: float | None = None

    def plan_restart(self) -> None:
        now = time.monotonic()
        steady = self.delay == 0.0 or now - self.started_at >= _STEADY
        self.delay = _SHORTEST if steady else min(self.delay * 2, _LONGEST)
        self.restart_at = now + self.delay


class Supervisor:
    def __init__(self, terminal: Terminal, on_restart: Callable[[], None]) -> None:
        self._terminal = terminal
        self._on_restart = on_restart
        self._kept: list[_Kept] = []

    def keep(self, child: Supervised) -> None:
        self._kept.append(_Kept(child))

    def let_go(self, child: Supervised) -> None:
        """Ended, and not started again."""
        self._kept = [kept for kept in self._kept if kept.child is not child]
        child.stop()

    def pids(self) -> dict[str, int]:
        return {kept.child.name: pid for kept in self._kept if (pid := kept.child.pid) is not None}

    def look_after(self) -> None:
        """Called a few times a second."""
        for kept in self._kept:
            if kept.restart_at is None and not kept.child.alive():
                kept.plan_restart()
                self._tell(kept, kept.child.how_it_ended())
            elif kept.restart_at is not None and time.monotonic() >= kept.restart_at:
                self._restart(kept)

    def stop_all(self, hurry: Callable[[], bool]) -> None:
        for kept in reversed(self._kept):
            try:
                kept.child.stop(hurry)
            except LaunchError as error:
                self._terminal.line(error.message)

    def _restart(self, kept: _Kept) -> None:
        kept.restart_at = None
        kept.started_at = time.monotonic()
        try:
            kept.child.start()
        except (LaunchError, OSError) as error:
            kept.plan_restart()
            self._tell(kept, f"did not start ({str(error).splitlines()[0]})")
            return
        self._on_restart()

    def _tell(self, kept: _Kept, what: str) -> None:
        child = kept.child
        self._terminal.line(
            f"  ! {child.title} {what}; starting it again in {kept.delay:g} s. See {child.log_file}"
        )
