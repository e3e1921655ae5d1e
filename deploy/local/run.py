"""`make run`: everything in one terminal, until Ctrl-C."""

import os
from collections.abc import Mapping

from deploy.local.data_folder import DataFolder
from deploy.local.errors import LaunchError
from deploy.local.launch import Launch
from deploy.local.leftovers import end_leftover_children
from deploy.local.ports import HOST, claim_port, requested_port
from deploy.local.stop_signals import StopRequestedError, StopSignals
from deploy.local.terminal import Terminal


def run(environment: Mapping[str, str]) -> int:
    os.umask(0o077)
    terminal, signals = Terminal(), StopSignals()
    wanted = requested_port(environment)
    folder = DataFolder.named_by(environment)
    folder.prepare()
    with folder.locked() as lock:
        signals.install()
        end_leftover_children(folder, signals.requested)
        port = claim_port(wanted)
        folder.announce(lock, f"http://{HOST}:{port}")
        return _run(Launch(folder, environment, port, terminal, signals), terminal)


def _run(launch: Launch, terminal: Terminal) -> int:
    code = 0
    try:
        launch.start()
        launch.watch()
    except StopRequestedError:
        terminal.line()
    except LaunchError as error:
        terminal.line(f"\n{error}\n")
        code = 1
    finally:
        with terminal.step("Stopping"):
            launch.shut_down()
    return code
