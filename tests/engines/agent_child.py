"""A whole agent in a process of its own: it pairs a session, tells its engines' ids, and goes on."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from shared.contracts.told import QrShown, StateSeen, Told
from shared.ids import Epoch, SessionId, new_uuid
from shared.redaction import Secret
from shared.session_state import SessionState
from worker.engines.networks import SANDBOX, SandboxSettings
from worker.engines.session_spec import SessionSpec
from worker.node import Node
from worker.settings import NodeSettings


async def run(given: dict[str, Any]) -> None:
    folder = Path(given["folder"])
    settings = NodeSettings(
        data_dir=folder,
        store_url=None,
        sandbox=SandboxSettings(
            proxy=given["proxy"],
            certificate=Path(given["certificate"]),
            root_key=bytes.fromhex(given["root_key"]),
        ),
        sessions_per_engine=50,
        spare_engines=1,
        probe_seconds=30.0,
        media_url=Secret(str(folder / "media")),
        ffmpeg="",
    )
    async with Node(settings) as node:
        connected = asyncio.Event()

        def told(_: SessionSpec, what: Told) -> None:
            if isinstance(what, QrShown) and what.number == 1:
                say({"qr": what.code})
            elif isinstance(what, StateSeen) and what.meaning.state is SessionState.CONNECTED:
                connected.set()

        node.subscribers.append(told)
        node.engines.start(
            SessionSpec(
                session_id=SessionId(new_uuid()),
                epoch=Epoch(1),
                network=SANDBOX,
                store=node.store,
                device_jid=None,
                device_name="Waypost test",
            )
        )
        await connected.wait()
        say({"engines": [process.pid for process in node.engines.pool.processes()]})
        await asyncio.Event().wait()


def say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(run(json.loads(sys.argv[1])))
