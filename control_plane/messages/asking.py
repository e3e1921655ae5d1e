"""What is asked of a session's client and leaves no message behind: it may be asked again."""

from collections.abc import Callable

from control_plane.db.engine import Database
from control_plane.errors import AppError, Code
from control_plane.http.principal import Principal
from control_plane.keyring import Keyring
from control_plane.messages.handing_over import HandingOver
from control_plane.messages.refusals import check_connected, refuse
from control_plane.sessions.models import Session
from control_plane.sessions.service import Sessions
from shared.contracts.commands import CommandAnswer, Outcome, Wish

Make = Callable[[Session], Wish]


class Asking:
    def __init__(self, database: Database, keyring: Keyring, handing_over: HandingOver) -> None:
        self._database = database
        self._keyring = keyring
        self._handing_over = handing_over

    async def ask(self, principal: Principal, reference: str, make: Make) -> CommandAnswer:
        """An answer that says what is so; whatever else became of it is raised."""
        async with self._database.tenant(principal.user_id) as db:
            session = await Sessions(db, self._keyring).session(principal, reference)
            check_connected(session)
        answer = await self._handing_over.give(session, make(session))
        refuse(answer)
        if answer.outcome in {Outcome.UNCERTAIN, Outcome.UNANSWERED}:
            raise AppError(
                Code.WORKER_UNREACHABLE,
                "WhatsApp did not answer in time. Ask again in a moment.",
                headers={"Retry-After": "2"},
            )
        return answer
