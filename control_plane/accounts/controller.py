"""Accounts, logins and keys over REST."""

from typing import Any

from litestar import Controller, Request, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.accounts.models import ApiKey
from control_plane.accounts.passwords import PasswordHasher
from control_plane.accounts.schemas import (
    ApiKeyView,
    ChangePasswordBody,
    CreateApiKeyBody,
    CreatedApiKey,
    DeleteAccountBody,
    ForgotPasswordBody,
    LoginBody,
    RefreshBody,
    RegisterBody,
    ResetPasswordBody,
    SignedIn,
    UpdateProfileBody,
    UsageView,
    UserView,
    WhoAmI,
)
from control_plane.accounts.service import Account, ApiKeys, usage
from control_plane.accounts.sign_in import SignIn
from control_plane.db.engine import SystemSite
from control_plane.errors import not_found
from control_plane.http.pagination import DEFAULT_LIMIT, Cursors, Page, PageCursor, PageLimit
from control_plane.http.principal import ANY_KEY, Access, Principal, Scope, access, public, scoped
from control_plane.http.transactions import system_session
from control_plane.keyring import Keyring
from control_plane.settings import Settings
from shared.ids import parse_public_id, public_id

AnyRequest = Request[Any, Any, Any]
UserRequest = Request[Principal, Access, Any]


class RegistrationController(Controller):
    path = "/v1/auth"
    tags = ["Accounts"]
    dependencies = {"db": system_session(SystemSite.REGISTRATION)}

    @post("/register", opt=public("register"), summary="Open an account")
    async def register(
        self,
        request: AnyRequest,
        data: JSONBody[RegisterBody],
        db: NamedDependency[AsyncSession],
        sign_in: NamedDependency[SignIn],
    ) -> SignedIn:
        return await sign_in.register(db, data, _user_agent(request))


class SignInController(Controller):
    path = "/v1/auth"
    tags = ["Accounts"]
    dependencies = {"db": system_session(SystemSite.SIGN_IN)}

    @post("/login", opt=public("sign_in"), status_code=200, summary="Log in")
    async def log_in(
        self,
        request: AnyRequest,
        data: JSONBody[LoginBody],
        db: NamedDependency[AsyncSession],
        sign_in: NamedDependency[SignIn],
    ) -> SignedIn:
        return await sign_in.log_in(db, data, request.scope["state"]["address"], _user_agent(request))


class RefreshController(Controller):
    path = "/v1/auth"
    tags = ["Accounts"]
    dependencies = {"db": system_session(SystemSite.TOKEN_REFRESH)}

    @post(
        "/refresh", opt=public("sign_in"), status_code=200, summary="Exchange a refresh token for new tokens"
    )
    async def refresh(
        self, data: JSONBody[RefreshBody], db: NamedDependency[AsyncSession], sign_in: NamedDependency[SignIn]
    ) -> SignedIn:
        return await sign_in.refresh(db, data.refresh_token)


class PasswordResetController(Controller):
    path = "/v1/auth"
    tags = ["Accounts"]
    dependencies = {"db": system_session(SystemSite.PASSWORD_RESET)}

    @post(
        "/forgot-password", opt=public("sign_in"), status_code=202, summary="Ask for a mail with a reset link"
    )
    async def forgot_password(
        self,
        data: JSONBody[ForgotPasswordBody],
        db: NamedDependency[AsyncSession],
        sign_in: NamedDependency[SignIn],
        settings: NamedDependency[Settings],
    ) -> dict[str, str]:
        await sign_in.forgot_password(db, data.email, own_address(settings))
        return {"detail": "If an account with this address exists, a mail is on its way."}

    @post("/reset-password", opt=public("sign_in"), status_code=204, summary="Set a new password")
    async def reset_password(
        self,
        data: JSONBody[ResetPasswordBody],
        db: NamedDependency[AsyncSession],
        sign_in: NamedDependency[SignIn],
    ) -> None:
        await sign_in.reset_password(db, data.token, data.password)


class AccountController(Controller):
    tags = ["Accounts"]
    opt = access(Access(limit="account"))

    @post("/v1/auth/logout", status_code=204, summary="End this login")
    async def log_out(
        self,
        request: UserRequest,
        db: NamedDependency[AsyncSession],
        hasher: NamedDependency[PasswordHasher],
    ) -> None:
        if request.user.login_id is not None:
            await Account(db, hasher).log_out(request.user.login_id)

    @get("/v1/users/me", summary="One's own profile")
    async def profile(
        self, db: NamedDependency[AsyncSession], hasher: NamedDependency[PasswordHasher]
    ) -> UserView:
        return UserView.of(await Account(db, hasher).profile())

    @patch("/v1/users/me", summary="Change name or email")
    async def update(
        self,
        data: JSONBody[UpdateProfileBody],
        db: NamedDependency[AsyncSession],
        hasher: NamedDependency[PasswordHasher],
    ) -> UserView:
        return UserView.of(await Account(db, hasher).update(data))

    @delete(
        "/v1/users/me",
        opt=access(Access(limit="password")),
        summary="Delete the account and all that is its own",
    )
    async def remove(
        self,
        data: JSONBody[DeleteAccountBody],
        db: NamedDependency[AsyncSession],
        hasher: NamedDependency[PasswordHasher],
    ) -> None:
        await Account(db, hasher).delete(data.password)

    @post(
        "/v1/users/me/password",
        opt=access(Access(limit="password", shown_once=frozenset({"accessToken", "refreshToken"}))),
        status_code=200,
        summary="Change the password; every login ends, the answer holds a new one",
    )
    async def change_password(
        self,
        request: UserRequest,
        data: JSONBody[ChangePasswordBody],
        db: NamedDependency[AsyncSession],
        hasher: NamedDependency[PasswordHasher],
        sign_in: NamedDependency[SignIn],
    ) -> SignedIn:
        return await Account(db, hasher).change_password(data, sign_in, _user_agent(request))

    @get("/v1/users/me/usage", opt=scoped(Scope.USAGE_READ), summary="What is used of each limit")
    async def own_usage(
        self,
        request: UserRequest,
        db: NamedDependency[AsyncSession],
    ) -> UsageView:
        return await usage(db, request.user)

    @get("/v1/whoami", opt=scoped(ANY_KEY), summary="Who a credential belongs to", sync_to_thread=False)
    def who_am_i(self, request: UserRequest) -> WhoAmI:
        user = request.user
        return WhoAmI(
            user_id=public_id("usr", user.user_id),
            method=user.method.value,
            role=user.role,
            tier=user.tier,
            scopes=sorted(user.scopes),
            api_key_id=None if user.api_key_id is None else public_id("key", user.api_key_id),
            key_mode=user.key_mode,
            limits=user.limits,
        )


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


def own_address(settings: Settings) -> str:
    """Where links in mails lead; never taken from a request's Host header, which a stranger chooses."""
    return settings.public_url or f"http://{settings.host}:{settings.port}"


def _position(key: ApiKey) -> tuple[Any, Any]:
    return key.created_at, key.id


def _user_agent(request: AnyRequest) -> str:
    return request.headers.get("user-agent", "")[:200]


CONTROLLERS = [
    RegistrationController,
    SignInController,
    RefreshController,
    PasswordResetController,
    AccountController,
    ApiKeyController,
]
