"""Handing a wish to the worker that runs its session, wherever that is."""

from control_plane.db.engine import Database, SystemSite
from control_plane.fleet.repository import FleetRepository
from control_plane.fleet.routing import Route, Routes
from control_plane.fleet.worker_client import Address, WorkerClient, WorkerTrouble
from control_plane.sessions.models import Session
from shared.contracts.commands import CommandAnswer, Outcome, Wish

_PATIENCE = 30.0


class HandingOver:
    """No transaction is open meanwhile."""

    def __init__(self, database: Database, client: WorkerClient, routes: Routes) -> None:
        self._database = database
        self._client = client
        self._routes = routes

    async def give(self, session: Session, wish: Wish) -> CommandAnswer:
        """Where the map is old, what the tables say is tried once more."""
        answer = await self._attempt(session, wish, await self._address(session))
        if answer.outcome is Outcome.NOT_HERE:
            return await self._by_the_tables(session, wish) or answer
        return answer

    async def _by_the_tables(self, session: Session, wish: Wish) -> CommandAnswer | None:
        """What they say is written into the map as well."""
        route = await self._routes.route(session.id)
        address = await self._stored_address(session)
        if route is None or address is None or _address_of(route) == address:
            return None
        right = Route(
            session_id=str(session.id),
            epoch=session.epoch,
            status=session.status,
            worker_id=address.worker_id,
            endpoint=address.endpoint,
            incarnation=address.incarnation,
            token_key_id=address.token_key_id,
        )
        await self._routes.put([right])
        return await self._attempt(session, wish, address)

    async def _attempt(self, session: Session, wish: Wish, address: Address | None) -> CommandAnswer:
        if address is None:
            return CommandAnswer(outcome=Outcome.NOT_HERE)
        try:
            return await self._client.command(address, str(session.id), wish, _PATIENCE)
        except WorkerTrouble as error:
            outcome = Outcome.UNANSWERED if error.sent else Outcome.NOT_HERE
            return CommandAnswer(outcome=outcome, words=str(error))

    async def _address(self, session: Session) -> Address | None:
        if session.worker_id is None:
            return None
        route = await self._routes.route(session.id)
        known = _address_of(route) if route is not None and route.epoch == session.epoch else None
        return known or await self._stored_address(session)

    async def _stored_address(self, session: Session) -> Address | None:
        if session.worker_id is None:
            return None
        async with self._database.system(SystemSite.SENDING) as db:
            worker = await FleetRepository(db).worker(session.worker_id)
            return Address.of(worker) if worker is not None and worker.retired_at is None else None


def _address_of(route: Route) -> Address | None:
    if route.worker_id is None:
        return None
    return Address(route.worker_id, route.endpoint, route.incarnation, route.token_key_id)
