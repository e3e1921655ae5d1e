"""What stands in the place of real functions: each is made from the one that it replaces."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
from sqlalchemy import select

from control_plane.fleet.repository import FleetRepository
from control_plane.fleet.tokens import WorkerIdentity
from control_plane.sessions.models import Session, Wanted
from control_plane.sessions.repository import SupervisedSessions


def instead(answer: Any) -> Callable[[Any], Any]:
    """Whatever was asked."""
    return lambda _: lambda *_a, **_k: answer


def instead_later(answer: Any) -> Callable[[Any], Any]:
    async def later(*_a: Any, **_k: Any) -> Any:
        return answer

    return lambda _: later


def as_the_present_one(renew: Any) -> Any:
    async def renewed(db: Any, who: WorkerIdentity, beat: Any) -> Any:
        worker = await FleetRepository(db).worker(who.worker_id)
        if worker is None:
            return await renew(db, who, beat)
        present = WorkerIdentity(who.worker_id, worker.incarnation)
        return await renew(db, present, msgspec.structs.replace(beat, incarnation=worker.incarnation))

    return renewed


def as_of_now(apply: Any) -> Any:
    async def applied(self: Any, session: Any, event: Any) -> None:
        await apply(self, session, msgspec.structs.replace(event, epoch=session.epoch))

    return applied


def at_any_epoch(take: Any) -> Any:
    async def taken(db: Any, worker_id: str, released: Any) -> int:
        epochs = {str(one.id): one.epoch for one in await SupervisedSessions(db).of_worker(worker_id)}
        states = tuple(
            msgspec.structs.replace(one, epoch=epochs.get(one.id, one.epoch)) for one in released.sessions
        )
        moved: int = await take(db, worker_id, msgspec.structs.replace(released, sessions=states))
        return moved

    return taken


def one_lower(append: Any) -> Any:
    async def appended(db: Any, events: Any) -> None:
        await append(db, [replace(event, sequence=max(1, event.sequence - 1)) for event in events])

    return appended


def from_the_start(spool_mark: Any) -> Any:
    async def mark(self: Any, spool: str, worker_id: str) -> Any:
        found = await spool_mark(self, spool, worker_id)
        found.position = 0
        return found

    return mark


def only_without_worker(_: Any) -> Any:
    return lambda _self: (Session.wanted == Wanted.RUN, Session.worker_id.is_(None))


def without_room(score: Any) -> Any:
    return lambda candidate: msgspec.structs.replace(score(candidate), eligible=candidate.accepts)


def every_key(_: Any) -> Any:
    async def owned(_self: Any, _worker_id: str, keys: Any) -> Any:
        return set(keys)

    return owned


def only_of_now(owned: Any) -> Any:
    async def of_now(self: Any, worker_id: str, keys: Any) -> Any:
        found = await owned(self, worker_id, keys)
        rows = await self.session.execute(select(Session.id, Session.epoch))
        return found & {(identity, epoch) for identity, epoch in rows.all()}

    return of_now


def without_credentials(assign: Any) -> Any:
    async def assigned(self: Any, session: Any, *arguments: Any) -> None:
        session.device_jid = None
        await assign(self, session, *arguments)

    return assigned


def loses_nothing(compare: Any) -> Any:
    def compared(*arguments: Any, **more: Any) -> Any:
        found = compare(*arguments, **more)
        found.lost.clear()
        return found

    return compared
