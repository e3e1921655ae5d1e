"""What belongs to one message beside its text: who has read it, and its file."""

from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.http.pagination import DEFAULT_LIMIT, Cursors, Page, PageCursor, PageLimit
from control_plane.http.principal import Access, Principal, Scope, scoped
from control_plane.messages.details import ReceiptView, visible_message
from control_plane.messages.files.asked import AskedFiles
from control_plane.messages.files.media import MediaLinks
from control_plane.messages.receiving.receipt_models import MessageReceipt
from control_plane.messages.receiving.receipt_repository import ReceiptRepository
from control_plane.messages.schemas import MessageView
from control_plane.sessions.service import Sessions

UserRequest = Request[Principal, Access, Any]


class DetailController(Controller):
    tags = ["Messages"]

    @get(
        "/v1/messages/{message_id:str}/receipts",
        opt=scoped(Scope.MESSAGES_READ),
        summary="Who of a group has got, read or played a message, the first to get it first",
        description="Empty for messages of chats of two: there the message itself tells all.",
    )
    async def receipts(
        self,
        request: UserRequest,
        message_id: FromPath[str],
        db: NamedDependency[AsyncSession],
        sessions: NamedDependency[Sessions],
        cursors: NamedDependency[Cursors],
        page_limit: PageLimit = DEFAULT_LIMIT,
        page_cursor: PageCursor = "",
    ) -> Page[ReceiptView]:
        message = await visible_message(db, sessions, request.user, message_id)
        listing = f"receipts/{request.user.user_id}/{message.id}"
        after = cursors.decode(listing, page_cursor)
        rows = await ReceiptRepository(db).page(message.id, after, page_limit + 1)
        return cursors.page(listing, rows, page_limit, ReceiptView.of, _position)

    @post(
        "/v1/messages/{message_id:str}/media",
        opt=scoped(Scope.MESSAGES_READ),
        status_code=202,
        summary="Fetch the file of a message from WhatsApp, such as one of the history",
        description="200 when it is kept already; 202 when it is being fetched: the event `message.media`"
        " tells what became of it. 410 when WhatsApp no longer has it.",
    )
    async def fetch(
        self,
        request: UserRequest,
        message_id: FromPath[str],
        asked_files: NamedDependency[AskedFiles],
        links: NamedDependency[MediaLinks],
    ) -> Response[MessageView]:
        message, kept = await asked_files.fetch(request.user, message_id)
        return Response(MessageView.of(message, links), status_code=200 if kept else 202)


def _position(receipt: MessageReceipt) -> tuple[datetime, UUID]:
    return receipt.created_at, receipt.id
