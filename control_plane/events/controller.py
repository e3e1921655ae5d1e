"""The events of an account: page by page, or as they happen."""

import uuid
from typing import Annotated, Any, Protocol, runtime_checkable

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.events.places import BEGINNING, Place, Places
from control_plane.events.reader import EventSource, StreamRequest
from control_plane.events.repository import TenantEvents
from control_plane.events.schemas import EventPage, EventView, Wanted, place_of
from control_plane.events.stream import MEDIA_TYPE, EventStream
from control_plane.http import authentication
from control_plane.http.pagination import DEFAULT_LIMIT, PageLimit
from control_plane.http.principal import Access, KeyMode, Principal, Scope, scoped
from shared.ids import UserId, public_id

LATEST = "latest"
UserRequest = Request[Principal, Access, Any]
After = Annotated[
    str,
    QueryParameter(
        name="after",
        max_length=500,
        description="The cursor to go on from; `latest` for now. Without it: from the oldest kept event, "
        "or, for a stream, from now.",
    ),
]
LastEventId = Annotated[
    str,
    HeaderParameter(
        name="Last-Event-ID", max_length=500, description="For a stream: the id of the last event that came"
    ),
]
OfSession = Annotated[
    str, QueryParameter(name="sessionId", max_length=100, description="Only events of this session")
]
Types = Annotated[
    str, QueryParameter(name="types", max_length=1000, description="Only these types, with commas between")
]


@runtime_checkable
class Sessions(Protocol):
    """What knows sessions stands above events."""

    async def session(self, principal: Principal, reference: str) -> object:
        """Refuses those that the principal must not see."""


class EventController(Controller):
    path = "/v1/events"
    tags = ["Events"]
    opt = scoped(Scope.EVENTS_READ)

    @get(summary="Events after a cursor; live, with Accept: text/event-stream")
    async def events(
        self,
        request: UserRequest,
        db: NamedDependency[AsyncSession],
        event_source: NamedDependency[EventSource],
        sessions: NamedDependency[Sessions],
        after: After = "",
        page_limit: PageLimit = DEFAULT_LIMIT,
        of_session: OfSession = "",
        event_types: Types = "",
        last_event_id: LastEventId = "",
    ) -> Response[EventPage]:
        only_sandbox = request.user.key_mode is KeyMode.TEST
        wanted = Wanted.parse(of_session, event_types, only_sandbox=only_sandbox)
        if only_sandbox and wanted.session_id is not None:
            await check_seen(request.user, wanted.session_id, TenantEvents(db), sessions)
        tenant, places = request.user.user_id, event_source.places
        if MEDIA_TYPE in request.headers.get("accept", "").lower():
            start = place_after(places, tenant, last_event_id or after)
            credential = authentication.bearer(request.headers, request.auth)
            asked = StreamRequest(
                tenant=tenant, credential=credential, rule=request.auth, wanted=wanted, after=start
            )
            return EventStream(event_source, asked)
        page = await _page(TenantEvents(db), places, after, page_limit, wanted)
        return Response(page, headers={"Vary": "Accept"})


async def _page(events: TenantEvents, places: Places, after: str, limit: int, wanted: Wanted) -> EventPage:
    tenant = events.tenant
    if after == LATEST:
        return EventPage(items=[], next_cursor=places.cursor(tenant, await events.now()))
    start = place_after(places, tenant, after) or BEGINNING
    stretch = await events.after(start, limit, wanted)
    items = [EventView.at(event, places.cursor(tenant, place_of(event))) for event in stretch.events]
    return EventPage(items=items, next_cursor=places.cursor(tenant, stretch.end))


def place_after(places: Places, tenant: UserId, after: str) -> Place | None:
    return places.place(tenant, after) if after and after != LATEST else None


async def check_seen(
    principal: Principal, session_id: uuid.UUID, events: TenantEvents, sessions: Sessions
) -> None:
    """What happened to a session is told after its end as well."""
    if not await events.sandbox_has(session_id):
        await sessions.session(principal, public_id("ses", session_id))
