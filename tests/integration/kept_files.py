"""Messages with files, and the loops that take them away again."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from control_plane.db.claim_loop import ClaimLoop
from control_plane.db.engine import Database, SystemSite
from shared.contracts import told as words
from shared.contracts.messages import MessageKey
from shared.files.keys import media_key
from tests.factories import Person
from tests.fleet_client import PEER, FleetWorker, bare, messages
from tests.waiting import until

SITE = SystemSite.PERIODIC_WORK


async def texts(person: Person, session: str) -> list[str]:
    return [one["text"] for one in await messages(person, session)]


async def run(loop: ClaimLoop, database: Database, model: Any, *pending: Any) -> None:
    """Until nothing of its work is due any more."""
    stopping = asyncio.Event()
    task = asyncio.create_task(loop.run(stopping))

    async def done() -> bool:
        async with database.system(SITE) as db:
            query = select(func.count()).select_from(model).where(*pending)
            return not await db.scalar(query)

    await until(done)
    stopping.set()
    await task


async def keep_file(
    worker: FleetWorker, session: str, tmp_path: Path, whatsapp_id: str, content: bytes
) -> str:
    """As a worker does: into the storage, then told."""
    digest = hashlib.sha256(content).digest()
    key = media_key(bare(session), whatsapp_id, digest, "bin")
    path = tmp_path / f"{whatsapp_id}.bin"
    path.write_bytes(content)
    await worker.replica.parts.storage.put(key, path)
    await worker.tell(session, 1, kept(key, whatsapp_id, digest, len(content)))
    return key


def kept(key: str, whatsapp_id: str, digest: bytes, size: int) -> words.FileKept:
    return words.FileKept(
        message=MessageKey(whatsapp_id=whatsapp_id, sender=PEER),
        chat=PEER,
        key=key,
        size=size,
        sha256=digest,
        content_type="application/octet-stream",
    )
