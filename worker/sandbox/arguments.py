"""The command line of the emulator."""

import argparse
import datetime as dt
import sys
from pathlib import Path
from typing import NoReturn

from worker.sandbox.clock import Clock, SetClock

DESCRIPTION = """\
An emulated WhatsApp network for this machine, with virtual phones: a session of Waypost is paired,
connected, written to and cut off as on the real network, without a phone and without the internet.
"""

EXAMPLE = """\
When it is ready it prints, one to a line:
  WAYPOST_SANDBOX_PROXY      these three are settings of a worker: with them in its environment
  WAYPOST_SANDBOX_CA         it runs sandbox sessions on this network
  WAYPOST_SANDBOX_ROOT_KEY
  WAYPOST_SANDBOX_CONTROL_URL         where its control API answers, on this machine only
  WAYPOST_SANDBOX_CONTROL_TOKEN_FILE  the file with the token that the control API asks for
The same and the token itself stand in sandbox.json in its data folder for as long as it runs.

Open an account for a virtual phone, then let it write to somebody (with the two values from above):
  TOKEN=$(cat "$WAYPOST_SANDBOX_CONTROL_TOKEN_FILE")
  curl "$WAYPOST_SANDBOX_CONTROL_URL/phones" -H "Authorization: Bearer $TOKEN" -d '{"name": "Anna"}'
  curl "$WAYPOST_SANDBOX_CONTROL_URL/phones/NUMBER/messages" -H "Authorization: Bearer $TOKEN" \\
       -d '{"to": "OTHER_NUMBER", "type": "text", "text": "hello"}'
Her phone links a client by POST /phones/NUMBER/scan with {"code": "the text of the QR on its screen"}.

The environment may hold the token as WAYPOST_SANDBOX_CONTROL_TOKEN. Ctrl-C ends it; the same --data
brings the same network back.
"""

_LEVELS = ("debug", "info", "warning", "error")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"{self.prog}: {message}\n")
        sys.exit(2)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = _Parser(
        prog="python -m worker.sandbox",
        description=DESCRIPTION,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(".waypost/sandbox"),
        metavar="FOLDER",
        help="where it remembers everything (%(default)s)",
    )
    parser.add_argument(
        "--port", type=_port, default=0, help="of the proxy, on this machine only; 0 is any free one (0)"
    )
    parser.add_argument("--control-port", type=_port, default=0, help="of the control API, the same (0)")
    parser.add_argument(
        "--control-token-file",
        type=Path,
        metavar="FILE",
        help="holds the token of the control API; without it one is made and kept in the data folder",
    )
    parser.add_argument("--seed", help="any text: the same one draws the same ids, numbers and keys again")
    parser.add_argument(
        "--clock",
        type=_clock,
        default=Clock(),
        metavar="TIME",
        help="real, or a time such as 2030-01-01T00:00:00Z, at which the clock of the network stands still"
        " until POST /clock moves it (real)",
    )
    parser.add_argument(
        "--log-level", choices=_LEVELS, default="info", help="debug shows every stanza (%(default)s)"
    )
    return parser.parse_args(arguments)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 5 or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 65535, not {text[:40]!r}")
    return int(text)


def _clock(text: str) -> Clock:
    if text == "real":
        return Clock()
    try:
        start = dt.datetime.fromisoformat(text)
    except ValueError:
        start = None
    if start is None or start.tzinfo is None or not 1970 < start.year < 2106:
        raise argparse.ArgumentTypeError(
            f"must be real or a time with its zone such as 2030-01-01T00:00:00Z, not {text[:40]!r}"
        )
    return SetClock(start.timestamp())
