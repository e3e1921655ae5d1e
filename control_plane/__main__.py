"""python -m control_plane api | background | migrate | create-admin | check-config"""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Sequence

import uvloop

from control_plane import background, command_line
from control_plane.observability.logging import configure_logging
from control_plane.server import serve
from control_plane.settings import Settings, SettingsError


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        settings = Settings.from_environment(os.environ)
    except SettingsError as error:
        for problem in error.problems:
            print(f"waypost: {problem}", file=sys.stderr)
        return 2
    configure_logging(settings.log_format, settings.log_level, options.command)
    command: Callable[[Settings, argparse.Namespace], int] = options.run
    return command(settings, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m control_plane", description="Waypost's control plane.")
    commands = parser.add_subparsers(dest="command", required=True)
    api = commands.add_parser("api", help="serve the REST API")
    api.set_defaults(run=_api)
    loops = commands.add_parser("background", help="run the loops: mail, periodic work")
    loops.set_defaults(run=_background)
    migrate = commands.add_parser("migrate", help="bring the database's schema up to date")
    migrate.add_argument(
        "--revision", default="head", help="another revision than the newest; 'base' is none"
    )
    migrate.set_defaults(run=command_line.migrate)
    admin = commands.add_parser("create-admin", help="make an administrator's account")
    admin.add_argument("--email", required=True)
    admin.add_argument("--name", default="Admin")
    admin.add_argument("--if-missing", action="store_true", help="do nothing when the account exists")
    admin.set_defaults(run=command_line.create_admin)
    check = commands.add_parser(
        "check-config", help="read the settings, reach the servers, tell what is wrong"
    )
    check.set_defaults(run=command_line.check_config)
    return parser


def _api(settings: Settings, _options: argparse.Namespace) -> int:
    return uvloop.run(serve(settings))


def _background(settings: Settings, _options: argparse.Namespace) -> int:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(background.run(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
