"""One running emulator: its store, its network and the front that clients reach it by."""

import asyncio
import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Self

from worker.sandbox.certificate import server_context
from worker.sandbox.chance import Chance
from worker.sandbox.database import count_start, open_database
from worker.sandbox.front import Front
from worker.sandbox.hosts import HOSTS
from worker.sandbox.media_host import MediaHost
from worker.sandbox.network import Network
from worker.sandbox.options import Options
from worker.sandbox.root_key import issue_identity
from worker.sandbox.signal.curve import KeyPair
from worker.sandbox.word_tables import read_dictionary


class Sandbox:
    """`async with Sandbox(folder) as sandbox`: the same folder brings the same network back."""

    def __init__(self, data_dir: Path, port: int = 0, options: Options | None = None) -> None:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._port = port
        self._database = open_database(data_dir / "sandbox.sqlite3")
        context, self.certificate = server_context(data_dir, HOSTS)
        options, start = options or Options(), count_start(self._database)
        chance = Chance(options.seed, start)
        self.root_key = _root_key(self._database, chance)
        identity = issue_identity(self.root_key)
        media = MediaHost(data_dir / "media")
        self.network = Network(
            self._database, media, identity, read_dictionary(), options, chance=chance, start=start
        )
        self._front = Front(context, self.network.serve, media.answer)

    async def __aenter__(self) -> Self:
        self._port = await self._front.listen(self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._front.close()
        # What phones were about to do by themselves.
        await asyncio.sleep(0)
        self._database.close()

    @property
    def port(self) -> int:
        return self._port

    @property
    def proxy(self) -> str:
        return f"http://127.0.0.1:{self._port}"


def _root_key(database: sqlite3.Connection, chance: Chance) -> KeyPair:
    row = database.execute("SELECT private FROM keys WHERE name = 'root'").fetchone()
    if row:
        return KeyPair.of(row[0])
    root = chance.of("root key").key_pair()
    database.execute("INSERT INTO keys VALUES ('root', ?)", (root.private,))
    return root
