"""Sessions by the hundred for a measurement: linked to phones, with a person that each writes to."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import asyncpg

from shared.ids import Epoch, SessionId, new_uuid
from tests.bench.emulator import Emulator
from tests.engines.many_pairings import Scan, pair_many
from worker.engines.networks import SANDBOX, sandbox_engines
from worker.engines.session_spec import SessionSpec
from worker.whatsapp.stores import PostgresStore, Store

_FENCE = "INSERT INTO whatsapp_store.fences (session_id, epoch) SELECT unnest($1::text[]), 1"
_PAIRED_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Linked:
    spec: SessionSpec
    number: str
    recipient: str


async def link(emulator: Emulator, store: Store, count: int, say: Callable[[str], None]) -> list[Linked]:
    linked: list[Linked] = []
    while len(linked) < count:
        linked += await _link_some(emulator, store, min(_PAIRED_AT_ONCE, count - len(linked)))
        say(f"{len(linked)} of {count} sessions are paired")
    return linked


async def _link_some(emulator: Emulator, store: Store, count: int) -> list[Linked]:
    numbers = await emulator.ask("phones", count=count)
    recipients = await emulator.ask("phones", count=count)
    specs = [new_spec(store) for _ in numbers]
    await make_fences(store, specs)
    kind = sandbox_engines(os.environ, emulator.settings, count)
    sessions = [(spec, _scan(emulator, number)) for spec, number in zip(specs, numbers, strict=True)]
    paired = await pair_many(kind, sessions)
    return [Linked(*each) for each in zip(paired, numbers, recipients, strict=True)]


def new_spec(store: Store) -> SessionSpec:
    return SessionSpec(
        session_id=SessionId(new_uuid()),
        epoch=Epoch(1),
        network=SANDBOX,
        store=store,
        device_jid=None,
        device_name="Waypost",
    )


async def make_fences(store: Store, specs: Sequence[SessionSpec]) -> None:
    """As the control plane does when it gives a session to a worker."""
    if isinstance(store, PostgresStore):
        connection = await asyncpg.connect(store.url.reveal())
        try:
            await connection.execute(_FENCE, [spec.session for spec in specs])
        finally:
            await connection.close()


def _scan(emulator: Emulator, number: str) -> Scan:
    async def scan(code: str) -> object:
        return await emulator.ask("scan", number=number, code=code)

    return scan
