"""python -m deploy.local run | stop | worker | clean"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping

from deploy.local.clean import clean
from deploy.local.errors import LaunchError
from deploy.local.run import run
from deploy.local.stop import stop
from deploy.local.worker import become_worker

_COMMANDS: dict[str, Callable[[Mapping[str, str]], int]] = {
    "run": run,
    "stop": stop,
    "worker": become_worker,
    "clean": clean,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    parser.add_argument("command", choices=_COMMANDS)
    command = _COMMANDS[parser.parse_args().command]
    try:
        return command(os.environ)
    except LaunchError as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    except OSError as error:
        print(f"{error.filename or 'waypost'}: {error.strerror or error}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
