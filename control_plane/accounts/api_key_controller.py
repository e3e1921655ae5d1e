"""API keys over REST."""

from typing import Any

from litestar import Controller, Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.accounts.models import ApiKey
from control_plane.accounts.schemas import ApiKeyView, CreateApiKeyBody, CreatedApiKey
from control_plane.accounts.service import ApiKeys
from control_plane.errors import not_found
from control_plane.http.pagination import DEFAULT_LIMIT, Cursors, Page, PageCursor, PageLimit
from control_plane.http.principal import Access, Principal, access
from control_plane.keyring import Keyring
from shared.ids import parse_public_id

UserRequest = Request[Principal, Access, Any]


class ApiKeyController(Controller):
    path = "/v1/api-keys"
    tags = ["API keys"]
    opt = access(Access(limit="account"))

    @post(
        opt=access(Access(limit="account", shown_once=frozenset({"key"}))),
        summary="Make a key; the answer is the only one that shows it",
    )
    async def create(
        self,
        request: UserRequest,
        data: JSONBody[CreateApiKeyBody],
        db: NamedDependency[AsyncSession],
        keyring: NamedDependency[Keyring],
    ) -> Response[CreatedApiKey]:
        created = await ApiKeys(db, keyring).create(request.user, data)
        return Response(created, headers={"Location": f"/v1/api-keys/{created.id}"})

    @get(summary="One's own keys, the newest first")
    async def page(
        self,
        request: UserRequest,
        db: NamedDependency[AsyncSession],
        keyring: NamedDependency[Keyring],
        cursors: NamedDependency[Cursors],
        page_limit: PageLimit = DEFAULT_LIMIT,
        page_cursor: PageCursor = "",
    ) -> Page[ApiKeyView]:
        listing = f"api-keys/{request.user.user_id}"
        rows = await ApiKeys(db, keyring).page(cursors.decode(listing, page_cursor), page_limit + 1)
        return cursors.page(listing, rows, page_limit, ApiKeyView.of, _position)

    @delete("/{key_id:str}", summary="Revoke a key, on every replica within a second")
    async def revoke(
        self, key_id: FromPath[str], db: NamedDependency[AsyncSession], keyring: NamedDependency[Keyring]
    ) -> None:
        identity = parse_public_id("key", key_id)
        if identity is None:
            raise not_found("API key")
        await ApiKeys(db, keyring).revoke(identity)


def _position(key: ApiKey) -> tuple[Any, Any]:
    return key.created_at, key.id
