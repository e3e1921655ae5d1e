"""python -m worker [console | prepare-store]"""

import argparse
import os
import sys
from importlib import import_module
from pathlib import Path

from shared.environment import SettingsError

# Each command loads what it needs and no more: the client library is heavy.
_COMMANDS = {
    "run": ("run a worker node (the default)", "worker.app"),
    "console": ("run one session here and talk to it by typing", "worker.console"),
    "prepare-store": ("make the tables of the credential store", "worker.whatsapp.prepare_store"),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m worker", description="Waypost's worker node.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, (about, _) in _COMMANDS.items():
        command = commands.add_parser(name, help=about)
        if name == "console":
            command.add_argument(
                "--sandbox",
                type=Path,
                metavar="FILE",
                help="the sandbox.json of a running emulated network; without it the real one, or that"
                " of the WAYPOST_SANDBOX_… settings",
            )
    arguments = parser.parse_args()
    module = import_module(_COMMANDS[arguments.command or "run"][1])
    try:
        return int(module.main(dict(os.environ), arguments))
    except SettingsError as error:
        for problem in error.problems:
            print(f"waypost: {problem}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
