"""One session in the hands of its owner, in transactions of their own: no transaction waits for a code."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.db.engine import Database, SystemSite
from control_plane.http.principal import Principal
from control_plane.keyring import Keyring
from control_plane.sessions.models import Session, Wanted
from control_plane.sessions.schemas import ConnectingView, SessionView, shown
from control_plane.sessions.service import Sessions, code_view, qr_view
from control_plane.supervision.wishes import Wishes
from shared.session_state import SessionState

Ask = Callable[[Wishes, str], Awaitable[Session]]
_LOOK_EVERY = 0.05
_UNLINKS_WITHIN = 3.0
# In these a code may still come.
_PAIRING = frozenset({SessionState.INITIALIZING, SessionState.QR_PENDING})


class OwnSession:
    def __init__(self, principal: Principal, reference: str, database: Database, keyring: Keyring) -> None:
        self.reference = reference
        self._principal = principal
        self._database = database
        self._keyring = keyring

    async def seen(self) -> Session:
        """Not found where it does not exist for this caller."""
        async with self._database.tenant(self._principal.user_id) as db:
            return await Sessions(db, self._keyring).session(self._principal, self.reference)

    async def ask(self, ask: Ask) -> SessionView:
        await self.seen()
        async with self._database.system(SystemSite.SUPERVISION) as db:
            return await self._asked(ask, db)

    async def place(self, ask: Ask) -> SessionView:
        """What gives it a worker: one after the other, or a hundred at once would hold every connection."""
        await self.seen()
        async with self._database.system_in_turn(SystemSite.SUPERVISION) as db:
            return await self._asked(ask, db)

    async def _asked(self, ask: Ask, db: AsyncSession) -> SessionView:
        session = await ask(Wishes(db, self._principal.user_id), self.reference)
        await db.flush()
        return SessionView.of(session)

    async def delete(self) -> None:
        """A phone may have few linked devices: one that is connected is unlinked, if that is quick."""
        if (await self.seen()).status == SessionState.CONNECTED:
            await self.ask(Wishes.log_out)
            await self._unlinked(_UNLINKS_WITHIN)
        async with self._database.tenant(self._principal.user_id) as db:
            await Sessions(db, self._keyring).delete(self._principal, self.reference)

    async def _unlinked(self, within: float) -> None:
        end = time.monotonic() + within
        while (await self.seen()).wanted == Wanted.LOG_OUT:
            if time.monotonic() >= end:
                return
            await asyncio.sleep(_LOOK_EVERY)

    async def with_code(self, wait: float, *, wants_code: bool = False) -> ConnectingView:
        """As soon as there is a code, or when it is clear that none comes, or when the time is over."""
        end = time.monotonic() + wait
        while True:
            async with self._database.tenant(self._principal.user_id) as db:
                sessions = Sessions(db, self._keyring)
                session = await sessions.session(self._principal, self.reference)
                pairing = await sessions.live_pairing(session)
                # The code may have come between the two, and its session's state with it.
                await db.refresh(session)
            qr, code = qr_view(pairing), code_view(pairing)
            came = code is not None if wants_code else qr is not None
            over = session.status not in _PAIRING or session.device_jid is not None
            if came or over or time.monotonic() >= end:
                return ConnectingView(qr=qr, pairing_code=code, **shown(session))
            await asyncio.sleep(_LOOK_EVERY)
