"""Webhooks over REST."""

from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, get, patch, post
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from redis.asyncio import Redis

from control_plane.events.hints import hint
from control_plane.http.pagination import DEFAULT_LIMIT, Cursors, Page, PageCursor, PageLimit
from control_plane.http.principal import Access, KeyMode, Principal, Scope, access, scoped
from control_plane.webhooks.models import Webhook
from control_plane.webhooks.schemas import (
    ChangeWebhookBody,
    CreateWebhookBody,
    WebhookView,
    WebhookWithSecret,
)
from control_plane.webhooks.service import Webhooks

UserRequest = Request[Principal, Access, Any]
_SHOWS_SECRET = access(Access(scope=Scope.WEBHOOKS_WRITE, shown_once=frozenset({"secret"})))


async def wake_dispatchers(redis: Redis) -> None:
    """As the background of an answer, which is after the commit."""
    hint(redis)


class WebhookController(Controller):
    path = "/v1/webhooks"
    tags = ["Webhooks"]
    opt = scoped(Scope.WEBHOOKS_WRITE)

    @post(
        opt=_SHOWS_SECRET,
        summary="Have events sent to a URL from now on; the answer is the only one that shows the secret",
        description="Deliveries are signed by Standard Webhooks (webhook-id, webhook-timestamp,"
        " webhook-signature), and tried again for four days until the URL answers 2xx.",
    )
    async def create(
        self, request: UserRequest, data: JSONBody[CreateWebhookBody], webhooks: NamedDependency[Webhooks]
    ) -> Response[WebhookWithSecret]:
        view = await webhooks.create(request.user, data)
        return Response(view, headers={"Location": f"/v1/webhooks/{view.id}"})

    @get(opt=scoped(Scope.WEBHOOKS_READ), summary="One's own webhooks, the newest first")
    async def page(
        self,
        request: UserRequest,
        webhooks: NamedDependency[Webhooks],
        cursors: NamedDependency[Cursors],
        page_limit: PageLimit = DEFAULT_LIMIT,
        page_cursor: PageCursor = "",
    ) -> Page[WebhookView]:
        only_sandbox = request.user.key_mode is KeyMode.TEST
        listing = f"webhooks/{request.user.user_id}/{only_sandbox}"
        after = cursors.decode(listing, page_cursor)
        rows = await webhooks.repository.page(after, page_limit + 1, only_sandbox=only_sandbox)
        views = {view.id: view for view in await webhooks.views(rows[:page_limit])}
        return cursors.page(listing, rows, page_limit, lambda row: views[f"whk-{row.id}"], _made)

    @get("/{webhook_id:str}", opt=scoped(Scope.WEBHOOKS_READ), summary="One webhook, and how it does")
    async def webhook(
        self, request: UserRequest, webhook_id: FromPath[str], webhooks: NamedDependency[Webhooks]
    ) -> WebhookView:
        return (await webhooks.views([await webhooks.webhook(request.user, webhook_id)]))[0]

    @patch(
        "/{webhook_id:str}",
        summary="Change where it goes, what it tells, or whether it is enabled",
        description="One that is enabled again gets what it missed meanwhile, as far as that is kept.",
    )
    async def change(
        self,
        request: UserRequest,
        webhook_id: FromPath[str],
        data: JSONBody[ChangeWebhookBody],
        webhooks: NamedDependency[Webhooks],
        redis: NamedDependency[Redis],
    ) -> Response[WebhookView]:
        webhook = await webhooks.change(request.user, webhook_id, data)
        view = (await webhooks.views([webhook]))[0]
        return Response(view, background=BackgroundTask(wake_dispatchers, redis))

    @delete("/{webhook_id:str}", summary="Delete it, with what waits for it and the list of its deliveries")
    async def remove(
        self, request: UserRequest, webhook_id: FromPath[str], webhooks: NamedDependency[Webhooks]
    ) -> None:
        await webhooks.delete(request.user, webhook_id)

    @post(
        "/{webhook_id:str}/rotate-secret",
        opt=_SHOWS_SECRET,
        status_code=200,
        summary="A new secret, shown this once; the one before signs beside it for 24 hours",
        description="A second rotation within that time ends the older one at once.",
    )
    async def rotate(
        self, request: UserRequest, webhook_id: FromPath[str], webhooks: NamedDependency[Webhooks]
    ) -> WebhookWithSecret:
        return await webhooks.rotate(request.user, webhook_id)


def _made(row: Webhook) -> tuple[datetime, UUID]:
    return row.created_at, row.id
