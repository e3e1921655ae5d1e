"""python -m control_plane api | background | migrate | create-admin | check-config"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from control_plane.observability.logging import configure_logging
from control_plane.settings import Settings, SettingsError

# Each command loads what it needs and no more: several of them run at every start.
_COMMANDS = {
    "api": ("serve the REST API", "control_plane.server:serve_until_stopped"),
    "background": ("run the loops: mail, periodic work", "control_plane.background:run_until_stopped"),
    "migrate": ("bring the database's schema up to date", "control_plane.commands.migrate:run"),
    "create-admin": ("make an administrator's account", "control_plane.commands.create_admin:run"),
    "check-config": ("read the settings, reach the servers", "control_plane.commands.check_config:run"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        settings = Settings.from_environment(os.environ)
    except SettingsError as error:
        for problem in error.problems:
            print(f"waypost: {problem}", file=sys.stderr)
        return 2
    configure_logging(settings.log_format, settings.log_level, options.command)
    module, _, function = _COMMANDS[options.command][1].partition(":")
    command: Callable[[Settings, argparse.Namespace], int] = getattr(import_module(module), function)
    return command(settings, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m control_plane", description="Waypost's control plane.")
    commands = parser.add_subparsers(dest="command", required=True)
    made = {name: commands.add_parser(name, help=about) for name, (about, _) in _COMMANDS.items()}
    made["migrate"].add_argument("--revision", default="head", help="not the newest one; 'base' is none")
    made["create-admin"].add_argument("--email", required=True)
    made["create-admin"].add_argument("--name", default="Admin")
    made["create-admin"].add_argument("--if-missing", action="store_true", help="do nothing when it exists")
    return parser


if __name__ == "__main__":
    sys.exit(main())
