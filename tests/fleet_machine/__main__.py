"""python -m tests.fleet_machine: plants each fault into the real code, and says what found it."""

import argparse
import io
import sys

import structlog

from tests import conftest
from tests.fleet_machine.hunt import Found, hunt
from tests.fleet_machine.planted import FAULTS, Fault, planted
from tests.fleet_machine.world import a_world

_WIDTH = max(len(fault.name) for fault in FAULTS)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fleet_machine", description=__doc__)
    parser.add_argument("words", nargs="*", help="only faults whose names hold one of these words")
    parser.add_argument("--examples", type=int, default=600, help="how many to try at most (default: 600)")
    options = parser.parse_args()
    chosen = [
        each for each in FAULTS if not options.words or any(word in each.name for word in options.words)
    ]
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(io.StringIO()))
    servers = conftest._Servers()
    try:
        servers.start()
        missed = [fault.name for fault in chosen if not _told(fault, options.examples)]
    finally:
        servers.stop()
    print(f"{len(chosen) - len(missed)} of {len(chosen)} faults were found")
    return 1 if missed else 0


def _told(fault: Fault, examples: int) -> bool:
    with a_world() as world, planted(fault, world):
        found = hunt(world, examples, fault.parts)
    print(f"{fault.name:{_WIDTH}}  {_words(found)}", flush=True)
    return found is not None and found.broken.invariant in fault.found_by


def _words(found: Found | None) -> str:
    if found is None:
        return "NOT FOUND"
    return f"{found.broken.invariant}, after {found.steps} steps of {found.examples} examples"


if __name__ == "__main__":
    sys.exit(main())
