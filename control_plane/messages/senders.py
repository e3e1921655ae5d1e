"""Through which session something is sent."""

import time
import uuid
from collections import OrderedDict

from control_plane.db.engine import Database
from control_plane.errors import AppError, Code
from control_plane.http.principal import Principal
from control_plane.keyring import Keyring
from control_plane.sessions.models import Session
from control_plane.sessions.service import Sessions
from shared.ids import UserId

_BELIEVED = 30.0
_MOST = 10_000


async def sender_of(
    sessions: Sessions, principal: Principal, reference: str | None, *, share: bool = False
) -> Session:
    """Without a reference, the primary one. `share`: it is not deleted before we are done."""
    if reference is not None:
        return await sessions.session(principal, reference, share=share)
    primary = await sessions.repository.primary()
    if primary is None:
        raise AppError(
            Code.NO_PRIMARY_SESSION,
            "The account has no session to send through. Make one with POST /v1/sessions and connect it.",
        )
    return await sessions.session(principal, f"ses-{primary.id}", share=share)


class Senders:
    """Which session a reference has meant a moment ago; who accepts a message looks whether it still does."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring
        self._known: OrderedDict[tuple[UserId, str | None], tuple[float, uuid.UUID]] = OrderedDict()

    async def id_of(self, principal: Principal, reference: str | None) -> uuid.UUID:
        name, now = (principal.user_id, reference), time.monotonic()
        known = self._known.get(name)
        if known is not None and known[0] > now:
            return known[1]
        async with self._database.tenant(principal.user_id) as db:
            session = await sender_of(Sessions(db, self._keyring), principal, reference)
        self._known[name] = (now + _BELIEVED, session.id)
        self._known.move_to_end(name)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)
        return session.id

    def forget(self, principal: Principal, reference: str | None) -> None:
        self._known.pop((principal.user_id, reference), None)
