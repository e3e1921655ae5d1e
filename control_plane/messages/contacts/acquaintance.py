"""What the network answered of a number is kept: the next message of that person is theirs at once."""

from control_plane.db.engine import Database, SystemSite
from control_plane.http.principal import Principal
from control_plane.messages.contacts.identity import learn
from control_plane.sessions.repository import SupervisedSessions


class Acquaintance:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def learn(self, principal: Principal, reference: str, phone: str, lid: str) -> None:
        async with self._database.system(SystemSite.SENDING) as db:
            session = await SupervisedSessions(db).of_user(principal.user_id, reference)
            if session is not None:
                await learn(db, session, phone=phone, lid=lid)
