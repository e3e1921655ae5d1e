"""python -m worker [prepare-store]"""

import argparse
import os
import sys
from collections.abc import Callable
from importlib import import_module

from shared.environment import SettingsError

# Each command loads what it needs and no more: the client library is heavy.
_COMMANDS = {
    "run": ("run a worker node (the default)", "worker.app:main"),
    "prepare-store": ("make the tables of the credential store", "worker.whatsapp.prepare_store:main"),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m worker", description="Waypost's worker node.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, (about, _) in _COMMANDS.items():
        commands.add_parser(name, help=about)
    module, _, function = _COMMANDS[parser.parse_args().command or "run"][1].partition(":")
    command: Callable[[dict[str, str]], int] = getattr(import_module(module), function)
    try:
        return command(dict(os.environ))
    except SettingsError as error:
        for problem in error.problems:
            print(f"waypost: {problem}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
