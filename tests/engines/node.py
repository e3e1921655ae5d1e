"""A worker's node under test, on an emulated network."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from shared.contracts.told import QrShown, StateSeen, Told
from shared.ids import Epoch, SessionId, new_uuid
from shared.redaction import Secret
from shared.session_state import SessionState
from worker.engines.networks import SANDBOX, SandboxSettings
from worker.engines.session_spec import SessionSpec
from worker.node import Node
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox
from worker.settings import NodeSettings

Kind = TypeVar("Kind", bound=Told)
PATIENCE = 40


class WatchedNode:
    def __init__(self, node: Node) -> None:
        self.node = node
        self._told: asyncio.Queue[Told] = asyncio.Queue()
        self._aside: list[Told] = []
        node.subscribers.append(lambda _, told: self._told.put_nowait(told))

    def spec(self, device_jid: str | None = None) -> SessionSpec:
        return SessionSpec(
            session_id=SessionId(new_uuid()),
            epoch=Epoch(1),
            network=SANDBOX,
            store=self.node.store,
            device_jid=device_jid,
            device_name="Waypost test",
        )

    async def pair(self, phone: Phone) -> SessionSpec:
        """Connected, in the process of its pairing: it stays there for a while."""
        spec = self.spec()
        self.node.engines.start(spec)
        await phone.scan((await self.told(QrShown)).code)
        await self.connected()
        known = self.node.engines.spec_of(spec.session)
        assert known is not None
        return known

    async def connected(self) -> None:
        while (await self.told(StateSeen)).meaning.state is not SessionState.CONNECTED:
            pass

    async def told(self, kind: type[Kind]) -> Kind:
        """The next of this kind; others stay."""
        for told in self._aside:
            if isinstance(told, kind):
                self._aside.remove(told)
                return told
        async with asyncio.timeout(PATIENCE):
            while not isinstance(told := await self._told.get(), kind):
                self._aside.append(told)
        return told


@asynccontextmanager
async def running_node(sandbox: Sandbox, folder: Path, **changes: str) -> AsyncIterator[WatchedNode]:
    settings = NodeSettings(
        data_dir=folder,
        store_url=None,
        sandbox=SandboxSettings(
            proxy=sandbox.proxy, certificate=sandbox.certificate, root_key=sandbox.root_key.public
        ),
        sessions_per_engine=50,
        spare_engines=0,
        probe_seconds=30.0,
        media_url=Secret(changes.get("media_url", str(folder / "media"))),
        ffmpeg="",
    )
    async with Node(settings) as node:
        yield WatchedNode(node)
