"""Live events for browsers: a ticket, and the WebSocket that it opens."""

from typing import Annotated, Any

import structlog
from litestar import Controller, Request, WebSocket, get, post, websocket
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.errors import AppError, Code
from control_plane.events import socket as event_socket
from control_plane.events.controller import Sessions, check_seen, place_after
from control_plane.events.reader import EventSource, StreamRequest
from control_plane.events.repository import TenantEvents
from control_plane.events.schemas import TicketBody, TicketView, Wanted
from control_plane.events.tickets import TICKET_SECONDS, Ticket, Tickets
from control_plane.http import authentication, sockets
from control_plane.http.principal import Access, KeyMode, Principal, Scope, access, public
from control_plane.http.problems import as_app_error
from control_plane.settings import Settings

log = structlog.get_logger(__name__)

UserRequest = Request[Principal, Access, Any]
TicketOf = Annotated[
    str, QueryParameter(name="ticket", max_length=100, description="Of POST /v1/events/tickets")
]
GoOn = Annotated[
    str, QueryParameter(name="after", max_length=500, description="Goes before the `after` of the ticket")
]
_PATH = "/v1/events/ws"
# Both hold the ticket.
_RULE = Access(scope=Scope.EVENTS_READ, shown_once=frozenset({"ticket", "url"}))
_FRAMES = """\
Every frame is JSON. The first is `{"type": "stream.open", "cursor": …}`, an event is as in `GET /v1/events`
with its `cursor`, `{"type": "stream.alive"}` comes while nothing else does, and
`{"type": "stream.error", "reason": …, "detail": …}` before the end. The code of the close is 4000 and the
status that a request would have been answered with: 4401 for a ticket that is not good, 4408 for a reader
that is too slow, 4429 for too many streams, 4503 for a replica that stops. Ask for another ticket and go on
with `after`, the cursor of the last event that came."""


class LiveController(Controller):
    path = "/v1/events"
    tags = ["Events"]

    @post(
        "/tickets",
        opt=access(_RULE),
        summary="A ticket for the WebSocket: good once, and for a minute",
        description="The stream has the rights of the credential that asks, and ends when that does.",
    )
    async def ticket(
        self,
        request: UserRequest,
        db: NamedDependency[AsyncSession],
        settings: NamedDependency[Settings],
        event_source: NamedDependency[EventSource],
        event_tickets: NamedDependency[Tickets],
        sessions: NamedDependency[Sessions],
        data: JSONBody[TicketBody | None] = None,
    ) -> TicketView:
        body = data or TicketBody()
        wanted = Wanted.named(body.session_id, body.types)
        if request.user.key_mode is KeyMode.TEST and wanted.session_id is not None:
            await check_seen(request.user, wanted.session_id, TenantEvents(db), sessions)
            # Only read so far; nothing stays open while Redis is asked.
            await db.commit()
        place_after(event_source.places, request.user.user_id, body.after)
        ticket = await event_tickets.issue(
            Ticket(
                credential=authentication.bearer(request.headers, request.auth),
                session_id=wanted.session_id,
                types=wanted.types,
                after=body.after,
            )
        )
        base = settings.public_url or f"{request.url.scheme}://{request.url.netloc}"
        url = f"{base.replace('http', 'ws', 1)}{_PATH}?ticket={ticket}"
        return TicketView(ticket=ticket, expires_in=TICKET_SECONDS, url=url)

    @get(
        "/ws",
        opt=public(),
        status_code=101,
        responses={426: ResponseSpec(None, description="Refused: `upgrade_required`")},
        summary="Live events over a WebSocket, with a ticket",
        description=_FRAMES,
    )
    async def without_upgrade(
        self,
        ticket: TicketOf = "",  # noqa: ARG002 (both are for the readers of the document)
        after: GoOn = "",  # noqa: ARG002
    ) -> None:
        """Where the upgrade is missing: a proxy that does not pass it on looks like this."""
        words = "This address is a WebSocket: ask with Upgrade: websocket, and let your proxy pass that on."
        raise AppError(Code.UPGRADE_REQUIRED, words, headers={"Upgrade": "websocket"})

    @websocket("/ws", opt=public())
    async def live(
        self,
        socket: WebSocket[Any, Any, Any],
        event_source: NamedDependency[EventSource],
        event_tickets: NamedDependency[Tickets],
    ) -> None:
        try:
            asked = await _admitted(socket, event_source, event_tickets)
            await event_socket.serve(event_source, asked, socket.receive, socket.send)
        except Exception as error:
            if socket.connection_state != "init":
                raise
            await sockets.refuse(socket.receive, socket.send, as_app_error(error))


async def _admitted(socket: WebSocket[Any, Any, Any], source: EventSource, tickets: Tickets) -> StreamRequest:
    ticket = await tickets.redeem(socket.query_params.get("ticket", ""))
    principal = await source.authenticator.authenticate(ticket.credential)
    authentication.authorize(principal, _RULE)
    socket.scope["user"] = principal
    after = socket.query_params.get("after", "") or ticket.after
    return StreamRequest(
        tenant=principal.user_id,
        credential=ticket.credential,
        rule=_RULE,
        wanted=Wanted(ticket.session_id, ticket.types, principal.key_mode is KeyMode.TEST),
        after=place_after(source.places, principal.user_id, after),
    )
