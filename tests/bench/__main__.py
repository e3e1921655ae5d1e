"""python -m tests.bench [--list] [--quick] [--rounds N] [--seconds S] [--json FILE] [NAME …]"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from control_plane.observability.logging import configure_logging
from control_plane.settings import LogFormat
from deploy.local.errors import LaunchError
from tests.bench import credentials, engine, fleet, history, limiter, live, login, requests, send, webhooks
from tests.bench.machine import postgres_version, this_machine, valkey_version
from tests.bench.plan import QUICK, Plan
from tests.bench.report import Report, page, write_json
from tests.bench.stand import Stand
from tests.bench.tables import Table

BENCHMARKS: dict[str, tuple[str, Callable[[Stand, Plan], list[Table]]]] = {
    "requests": ("authenticated GETs against a bare route of the framework", requests.run),
    "login": ("logins a second against hashing alone", login.run),
    "limiter": ("one check of the rate limiter against a PING", limiter.run),
    "credentials": ("argon2, API keys and JWTs, processor alone", credentials.run),
    "engine": ("the WhatsApp engine on an emulated network", engine.run),
    "history": ("a year of messages, read in every way there is", history.run),
    "live": ("a thousand open streams of events on one process", live.run),
    "send": ("texts the whole way, against the engine by itself", send.run),
    "webhooks": ("deliveries of one process, beside a dead endpoint too", webhooks.run),
    "fleet": ("two workers and their sessions: codes, crashes, messages", fleet.run),
}
# These take minutes, and run only when they are named.
ONLY_NAMED = frozenset({"engine", "fleet", "history", "live", "send", "webhooks"})


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if options.list:
        for name, (summary, _) in BENCHMARKS.items():
            print(f"{name:<12} {summary}{' (only when named)' if name in ONLY_NAMED else ''}")
        return 0
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as after nohup
            signal.signal(number, _interrupt)
    began = time.monotonic()
    try:
        report = _run(
            options.names or [name for name in BENCHMARKS if name not in ONLY_NAMED], _plan(options)
        )
    except LaunchError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; every server has ended", file=sys.stderr)
        return 130
    print(page(report))
    print(f"\nTook {time.monotonic() - began:.0f} s.")
    if options.json is not None:
        write_json(report, options.json)
    return 0


def _run(names: Sequence[str], plan: Plan) -> Report:
    with Path(os.devnull).open("w") as nowhere, Stand(_say) as stand:
        # What is called in this process logs as it would in the API's, only that nobody reads it.
        configure_logging(LogFormat.JSON, "warning", "bench", nowhere)
        machine = this_machine()  # asked first, because the run itself makes the machine busy
        tables = [table for name in names for table in BENCHMARKS[name][1](stand, plan)]
        return Report(
            taken_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            machine=machine,
            servers=_servers(stand),
            plan=plan,
            tables=tables,
        )


def _servers(stand: Stand) -> dict[str, str]:
    versions = {}
    if "postgres_url" in vars(stand):
        versions["PostgreSQL"] = postgres_version(stand.postgres_url)
    if "valkey_url" in vars(stand):
        versions["Valkey"] = valkey_version(stand.valkey_url)
    return versions


def _plan(options: argparse.Namespace) -> Plan:
    given = {name: getattr(options, name) for name in ("rounds", "seconds")}
    changes = {name: value for name, value in given.items() if value is not None}
    return replace(QUICK if options.quick else Plan(), **changes)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", type=_name, help="all that are quick, unless named"
    )
    parser.add_argument("--list", action="store_true", help="tell which there are")
    parser.add_argument("--quick", action="store_true", help="one short round: whether it works, no more")
    parser.add_argument("--rounds", type=_between(1, 50, int), help="how often each figure is taken")
    parser.add_argument("--seconds", type=_between(0.5, 60, float), help="how long each load lasts")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    return parser


def _name(text: str) -> str:
    if text not in BENCHMARKS:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(BENCHMARKS)}")
    return text


def _between(least: float, most: float, kind: Callable[[str], float]) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = kind(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must be from {least:g} to {most:g}")
        return value

    return number


def _say(line: str) -> None:
    """Figures go to standard output, what happens meanwhile does not."""
    print(f"{datetime.now(UTC):%H:%M:%S} {line}", file=sys.stderr, flush=True)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """As Ctrl-C does, which an event loop that happens to run knows how to take."""
    signal.raise_signal(signal.SIGINT)


if __name__ == "__main__":
    sys.exit(main())
