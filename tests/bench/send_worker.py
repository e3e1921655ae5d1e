"""python -m tests.bench.send_worker FILE: a worker as any other, that also notes how long its engines took.

From the moment that the agent hands a text to the engine until its answer is there, as `bench engine` has it.
What stands in FILE is compared with what the caller of the REST API has waited for the same message.
"""

import os
import sys
import time
from argparse import Namespace
from typing import TextIO

from shared.contracts.messages import Sent
from worker import app, node
from worker.engines.fleet import FleetOfEngines
from worker.engines.words import Send

_lines: TextIO


class TimedFleet(FleetOfEngines):
    async def send(self, session: str, command: Send) -> Sent:
        began = time.perf_counter()
        sent = await super().send(session, command)
        _lines.write(f"{sent.whatsapp_id} {time.perf_counter() - began:.6f}\n")
        return sent


if __name__ == "__main__":
    setattr(node, "FleetOfEngines", TimedFleet)  # noqa: B010 (mypy would not let a class be replaced)
    with open(sys.argv[1], "w", buffering=1) as _lines:  # noqa: PTH123
        sys.exit(app.main(dict(os.environ), Namespace()))
