"""Users over REST, for administrators."""

import uuid
from typing import Annotated, Any

from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.accounts.models import User
from control_plane.accounts.sign_in import SignIn
from control_plane.admin.schemas import AdminUserView, ChangeUserBody, CreateUserBody
from control_plane.admin.users import UserAdministration
from control_plane.db.engine import SystemSite
from control_plane.errors import not_found
from control_plane.http.pagination import DEFAULT_LIMIT, Cursors, Page, PageCursor, PageLimit
from control_plane.http.principal import ADMINS, access
from control_plane.http.transactions import system_session
from shared.ids import parse_public_id

Search = Annotated[
    str, QueryParameter(name="q", max_length=200, description="A part of the email or the name")
]


class AdminUserController(Controller):
    path = "/v1/admin/users"
    tags = ["Administration"]
    opt = access(ADMINS)
    dependencies = {"db": system_session(SystemSite.ADMIN)}

    @get(summary="All users, the newest first")
    async def page(
        self,
        db: NamedDependency[AsyncSession],
        cursors: NamedDependency[Cursors],
        search: Search = "",
        page_limit: PageLimit = DEFAULT_LIMIT,
        page_cursor: PageCursor = "",
    ) -> Page[AdminUserView]:
        listing = f"admin-users/{search}"
        rows = await UserAdministration(db).page(search, cursors.decode(listing, page_cursor), page_limit + 1)
        return cursors.page(listing, rows, page_limit, AdminUserView.of, _position)

    @post(summary="Make an account for somebody")
    async def create(
        self,
        data: JSONBody[CreateUserBody],
        db: NamedDependency[AsyncSession],
        sign_in: NamedDependency[SignIn],
    ) -> Response[AdminUserView]:
        view = AdminUserView.of(await UserAdministration(db).create(data, sign_in))
        return Response(view, headers={"Location": f"/v1/admin/users/{view.id}"})

    @get("/{user_id:str}", summary="One user")
    async def user(self, user_id: FromPath[str], db: NamedDependency[AsyncSession]) -> AdminUserView:
        return AdminUserView.of(await UserAdministration(db).user(_identity(user_id)))

    @patch("/{user_id:str}", summary="Change tier, role, limits; disable or enable")
    async def change(
        self, user_id: FromPath[str], data: JSONBody[ChangeUserBody], db: NamedDependency[AsyncSession]
    ) -> AdminUserView:
        return AdminUserView.of(await UserAdministration(db).change(_identity(user_id), data))

    @delete("/{user_id:str}", summary="Delete a user and all that is theirs")
    async def remove(self, user_id: FromPath[str], db: NamedDependency[AsyncSession]) -> None:
        await UserAdministration(db).delete(_identity(user_id))


def _identity(user_id: str) -> uuid.UUID:
    identity = parse_public_id("usr", user_id)
    if identity is None:
        raise not_found("user")
    return identity


def _position(user: User) -> tuple[Any, Any]:
    return user.created_at, user.id
