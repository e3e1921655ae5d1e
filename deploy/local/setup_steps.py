"""Commands that run once at each start, side by side where they do not wait for each other."""

import time
from collections.abc import Sequence
from contextlib import ExitStack

from deploy.local.child import Child
from deploy.local.children import SetupStep
from deploy.local.data_folder import DataFolder
from deploy.local.errors import LaunchError
from deploy.local.stop_signals import StopSignals
from deploy.local.surroundings import Surroundings, control_plane_environment
from deploy.local.terminal import Terminal

_SECONDS = 120.0


class SetupSteps:
    def __init__(
        self, folder: DataFolder, terminal: Terminal, signals: StopSignals, admin_password: str
    ) -> None:
        self._folder = folder
        self._terminal = terminal
        self._signals = signals
        self._secrets = {"WAYPOST_ADMIN_PASSWORD": admin_password}

    def run(self, steps: Sequence[SetupStep], here: Surroundings) -> None:
        began = time.monotonic()
        children = [self._child(step, here) for step in steps]
        with ExitStack() as ends:
            for child in children:
                ends.callback(child.stop)
                child.start()
            for child in children:
                with self._terminal.step(child.title, began):
                    self._finish(child, began + _SECONDS)

    def _child(self, step: SetupStep, here: Surroundings) -> Child:
        return Child(
            step.name,
            title=step.title,
            arguments=step.arguments,
            environment={
                **control_plane_environment(here),
                **self._secrets,
                "WAYPOST_STORE_URL": here.store_url,
            },
            log_file=self._folder.logs / f"{step.name}.log",
            stop_seconds=5.0,
        )

    def _finish(self, child: Child, end: float) -> None:
        while child.alive():
            if time.monotonic() > end:
                raise LaunchError(f"{child.title}: no end after {_SECONDS:.0f} s.", child.last_words())
            self._signals.pause(0.02)
        if child.exit_code != 0:
            raise LaunchError(f"{child.title} {child.how_it_ended()}:", child.last_words())
