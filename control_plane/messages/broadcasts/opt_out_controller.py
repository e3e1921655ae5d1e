"""The people whom no broadcast reaches."""

from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.errors import AppError, Code, not_found
from control_plane.http.pagination import DEFAULT_LIMIT, Cursors, Page, PageCursor, PageLimit
from control_plane.http.principal import Access, KeyMode, Principal, Scope, scoped
from control_plane.messages.broadcasts.bodies import OptOutBody, refused
from control_plane.messages.broadcasts.models import OptOut
from control_plane.messages.broadcasts.opt_outs import OptOuts
from control_plane.messages.broadcasts.schemas import OptOutView
from control_plane.messages.chat_ids import lid_of, parse_chat_id, phone_of
from shared.ids import parse_public_id

UserRequest = Request[Principal, Access, Any]


class OptOutController(Controller):
    path = "/v1/opt-outs"
    tags = ["Broadcasts"]

    @get("/", opt=scoped(Scope.MESSAGES_READ), summary="Who wants no broadcasts, the newest first")
    async def page(
        self,
        request: UserRequest,
        db: NamedDependency[AsyncSession],
        cursors: NamedDependency[Cursors],
        page_limit: PageLimit = DEFAULT_LIMIT,
        page_cursor: PageCursor = "",
    ) -> Page[OptOutView]:
        only_sandbox = _is_test(request)
        listing = f"opt-outs/{request.user.user_id}/{only_sandbox}"
        after = cursors.decode(listing, page_cursor)
        rows = await OptOuts(db).page(after, page_limit + 1, only_sandbox=only_sandbox)
        return cursors.page(listing, rows, page_limit, OptOutView.of, _made)

    @post(
        "/",
        opt=scoped(Scope.MESSAGES_SEND),
        summary="Keep somebody out of all broadcasts",
        description="As those do themselves who write STOP, or another such word. Messages to them alone are"
        " not concerned. Who is on the list already stays there as they are.",
    )
    async def add(
        self, request: UserRequest, data: JSONBody[OptOutBody], db: NamedDependency[AsyncSession]
    ) -> Response[OptOutView]:
        if _is_test(request) and not data.sandbox:
            words = "A test key reaches the people of the sandbox only: send sandbox: true."
            raise AppError(Code.CREDENTIAL_NOT_ACCEPTED, words)
        chat = parse_chat_id(data.contact, "/contact")
        phone, lid = phone_of(chat), lid_of(chat)
        if phone is None and lid is None:
            raise refused("/contact", "is nobody", "Only people can opt out: give a number, or an @lid.")
        opt_outs = OptOuts(db)
        names = await opt_outs.other_names(phone, lid)
        return Response(OptOutView.of(await opt_outs.add(*names, data.reason, sandbox=data.sandbox)))

    @delete("/{opt_out_id:str}", opt=scoped(Scope.MESSAGES_SEND), summary="Let broadcasts reach them again")
    async def remove(
        self, request: UserRequest, opt_out_id: FromPath[str], db: NamedDependency[AsyncSession]
    ) -> None:
        identity = parse_public_id("opt", opt_out_id)
        is_test = _is_test(request)
        if identity is None or not await OptOuts(db).remove(identity, only_sandbox=is_test):
            raise not_found("opt-out")


def _is_test(request: UserRequest) -> bool:
    """A test key sees the sandbox, and nothing else."""
    return request.user.key_mode is KeyMode.TEST


def _made(row: OptOut) -> tuple[datetime, UUID]:
    return row.created_at, row.id
