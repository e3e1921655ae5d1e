"""An account's dealings with itself, over REST."""

from typing import Any

from litestar import Controller, Request, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.accounts.passwords import PasswordHasher
from control_plane.accounts.schemas import (
    ChangePasswordBody,
    DeleteAccountBody,
    SignedIn,
    UpdateProfileBody,
    UsageView,
    UserView,
    WhoAmI,
)
from control_plane.accounts.service import Account, usage
from control_plane.accounts.sign_in import SignIn
from control_plane.http.principal import ANY_KEY, Access, Principal, Scope, access, scoped
from control_plane.http.request_context import user_agent
from shared.ids import public_id

UserRequest = Request[Principal, Access, Any]


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
        return await Account(db, hasher).change_password(data, sign_in, user_agent(request.headers))

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
