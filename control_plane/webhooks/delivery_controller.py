"""Deliveries of a webhook over REST: looked at, repeated, and tried out."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, get, post
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from redis.asyncio import Redis

from control_plane.http.pagination import DEFAULT_LIMIT, Cursors, Page, PageCursor, PageLimit
from control_plane.http.principal import Access, Principal, Scope, scoped
from control_plane.webhooks.checking import refused
from control_plane.webhooks.controller import wake_dispatchers
from control_plane.webhooks.deliveries import Deliveries
from control_plane.webhooks.delivery_schemas import (
    DeliveryDetail,
    DeliveryStatus,
    DeliveryView,
    ReplayBody,
    ReplayView,
)
from control_plane.webhooks.repository import WithSequence
from control_plane.webhooks.service import Webhooks

UserRequest = Request[Principal, Access, Any]
Status = Annotated[
    str,
    QueryParameter(name="status", max_length=100, description="Only these: pending, delivered or failed"),
]


class DeliveryController(Controller):
    path = "/v1/webhooks/{webhook_id:str}"
    tags = ["Webhooks"]
    opt = scoped(Scope.WEBHOOKS_WRITE)

    @get(
        "/deliveries",
        opt=scoped(Scope.WEBHOOKS_READ),
        summary="What was sent, with every try, and what waits to be tried again; the newest first",
    )
    async def page(
        self,
        request: UserRequest,
        webhook_id: FromPath[str],
        webhooks: NamedDependency[Webhooks],
        deliveries: NamedDependency[Deliveries],
        cursors: NamedDependency[Cursors],
        status: Status = "",
        page_limit: PageLimit = DEFAULT_LIMIT,
        page_cursor: PageCursor = "",
    ) -> Page[DeliveryView]:
        if status and status not in set(DeliveryStatus):
            words = f"There is no status {status!r}. They are: {', '.join(DeliveryStatus)}."
            raise refused("/status", "is no status", words)
        webhook = await webhooks.webhook(request.user, webhook_id)
        listing = f"deliveries/{request.user.user_id}/{webhook.id}/{status}"
        after = cursors.decode(listing, page_cursor)
        rows = await deliveries.repository.page(webhook.id, status, after, page_limit + 1)
        return cursors.page(
            listing, rows, page_limit, lambda row: DeliveryView.of(webhook, row[0], row[1]), _made
        )

    @get(
        "/deliveries/{delivery_id:str}",
        opt=scoped(Scope.WEBHOOKS_READ),
        summary="One delivery, with the event as it would be sent now",
    )
    async def delivery(
        self,
        request: UserRequest,
        webhook_id: FromPath[str],
        delivery_id: FromPath[str],
        webhooks: NamedDependency[Webhooks],
        deliveries: NamedDependency[Deliveries],
    ) -> DeliveryDetail:
        webhook = await webhooks.webhook(request.user, webhook_id)
        return DeliveryDetail.with_event(webhook, *await deliveries.one(webhook, delivery_id))

    @post(
        "/deliveries/{delivery_id:str}/replay",
        status_code=202,
        summary="Send its event once more, with the same webhook-id; the answer is the new delivery",
    )
    async def again(
        self,
        request: UserRequest,
        webhook_id: FromPath[str],
        delivery_id: FromPath[str],
        webhooks: NamedDependency[Webhooks],
        deliveries: NamedDependency[Deliveries],
        redis: NamedDependency[Redis],
    ) -> Response[DeliveryDetail]:
        webhook = await webhooks.webhook(request.user, webhook_id, lock=True)
        view = DeliveryDetail.with_event(webhook, *await deliveries.again(webhook, delivery_id))
        return Response(view, background=BackgroundTask(wake_dispatchers, redis))

    @post(
        "/replay",
        status_code=202,
        summary="Send all events of a time once more, in their order",
        description="Those that the webhook wants and that came before its present place in the log, whether"
        " they were delivered or not; at most 10,000 may wait at once.",
    )
    async def replay(
        self,
        request: UserRequest,
        webhook_id: FromPath[str],
        data: JSONBody[ReplayBody],
        webhooks: NamedDependency[Webhooks],
        deliveries: NamedDependency[Deliveries],
        redis: NamedDependency[Redis],
    ) -> Response[ReplayView]:
        webhook = await webhooks.webhook(request.user, webhook_id, lock=True)
        view = ReplayView(queued=await deliveries.replay(webhook, data))
        return Response(view, background=BackgroundTask(wake_dispatchers, redis))

    @post(
        "/test",
        status_code=202,
        summary="Send an event of the type webhook.test; the delivery tells what came of it",
    )
    async def test(
        self,
        request: UserRequest,
        webhook_id: FromPath[str],
        webhooks: NamedDependency[Webhooks],
        deliveries: NamedDependency[Deliveries],
        redis: NamedDependency[Redis],
    ) -> Response[DeliveryView]:
        webhook = await webhooks.webhook(request.user, webhook_id, lock=True)
        view = DeliveryView.of(webhook, await deliveries.ping(webhook), 0)
        return Response(view, background=BackgroundTask(wake_dispatchers, redis))


def _made(row: WithSequence) -> tuple[datetime, UUID]:
    return row[0].created_at, row[0].id
