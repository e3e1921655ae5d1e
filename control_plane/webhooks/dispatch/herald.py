"""Reads the log once for all endpoints that this process holds, and tells who else has something new."""

import time
import uuid
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta

from control_plane.db.engine import Database, SystemSite
from control_plane.events.places import Place
from control_plane.webhooks.dispatch.courier import Courier
from control_plane.webhooks.dispatch.endpoints import Endpoint
from control_plane.webhooks.dispatch.parcels import Letter
from control_plane.webhooks.dispatch.repository import DispatchReads

_EVENTS_AT_ONCE = 500
_TAKEN_AT_ONCE = 200
_BEHIND_AT_ONCE = 500
# Whose endpoints were looked for a moment ago are all held, by this process or by another.
_ASKED_SECONDS = 0.1
_TOLD_SECONDS = 0.1


class Herald:
    def __init__(
        self,
        database: Database,
        now: Callable[[], datetime],
        couriers: Callable[[], Collection[Courier]],
        *,
        lease: timedelta,
        most_held: int,
    ) -> None:
        self._database = database
        self._now = now
        self._couriers = couriers
        self._lease = lease
        self._most_held = most_held
        self._place: Place | None = None
        self._users: set[uuid.UUID] = set()
        self._behind: set[uuid.UUID] = set()
        self._asked_at = self._told_at = 0.0

    async def look(self) -> tuple[list[Endpoint], bool]:
        """Endpoints that this process has taken, and whether there is more to read at once."""
        by_user: dict[uuid.UUID, list[Courier]] = {}
        for courier in self._couriers():
            by_user.setdefault(courier.endpoint.user_id, []).append(courier)
        async with self._database.system(SystemSite.WEBHOOKS) as db:
            reads = DispatchReads(db)
            begin = self._place or await reads.horizon()
            news = await reads.news(begin, _EVENTS_AT_ONCE, list(by_user))
            self._users |= news.users
            taken = await self._take(reads)
            told = await self._told(reads)
        self._place = news.end
        letters: dict[uuid.UUID, list[Letter]] = {}
        for letter in news.letters:
            letters.setdefault(letter.user_id, []).append(letter)
        for user_id, couriers in by_user.items():
            for courier in couriers:
                courier.offer(letters.get(user_id, ()), begin, news.end)
        self._refresh(told, told=True)
        return taken, news.more

    async def find_behind(self) -> None:
        """Endpoints with something to read that nobody was told of: after a crash, or a lost word."""
        async with self._database.system(SystemSite.WEBHOOKS) as db:
            self._behind.update(await DispatchReads(db).behind(self._now(), _BEHIND_AT_ONCE))

    async def renew(self) -> None:
        held = _held(self._couriers())
        if not held:
            return
        async with self._database.system(SystemSite.WEBHOOKS) as db:
            kept = await DispatchReads(db).renew(held, self._lease)
        self._refresh(kept, told=False)
        tokens = {endpoint.token for endpoint in kept}
        for courier in list(self._couriers()):
            token = courier.endpoint.token
            if held.get(courier.endpoint.id) == token and token not in tokens:
                courier.lost()

    async def _take(self, reads: DispatchReads) -> list[Endpoint]:
        clock = time.monotonic()
        room = min(self._most_held - len(self._couriers()), _TAKEN_AT_ONCE)
        if room <= 0 or clock - self._asked_at < _ASKED_SECONDS:
            return []
        users, behind = self._users, self._behind
        self._asked_at, self._users, self._behind = clock, set(), set()
        taken = await reads.take(self._now(), room, users, behind, self._lease)
        if len(taken) == room:
            self._users |= users
            self._behind |= behind
        return taken

    async def _told(self, reads: DispatchReads) -> list[Endpoint]:
        clock = time.monotonic()
        held = _held(self._couriers())
        if not held or clock - self._told_at < _TOLD_SECONDS:
            return []
        self._told_at = clock
        return await reads.told(held, self._now())

    def _refresh(self, endpoints: Iterable[Endpoint], *, told: bool) -> None:
        known = {courier.endpoint.token: courier for courier in self._couriers()}
        for endpoint in endpoints:
            if (courier := known.get(endpoint.token)) is not None:
                courier.refresh(endpoint, told=told)


def _held(couriers: Collection[Courier]) -> dict[uuid.UUID, uuid.UUID]:
    return {courier.endpoint.id: courier.endpoint.token for courier in couriers}
