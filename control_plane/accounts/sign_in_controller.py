"""Becoming known, over REST: these calls are open to everybody."""

from typing import Any

from litestar import Controller, Request, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.accounts.schemas import (
    ForgotPasswordBody,
    LoginBody,
    RefreshBody,
    RegisterBody,
    ResetPasswordBody,
    SignedIn,
)
from control_plane.accounts.sign_in import SignIn
from control_plane.db.engine import SystemSite
from control_plane.http.principal import public
from control_plane.http.request_context import user_agent
from control_plane.http.transactions import system_session
from control_plane.settings import Settings

AnyRequest = Request[Any, Any, Any]


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
        return await sign_in.register(db, data, user_agent(request.headers))


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
        return await sign_in.log_in(db, data, request.scope["state"]["address"], user_agent(request.headers))


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


def own_address(settings: Settings) -> str:
    """Where links in mails lead; never taken from a request's Host header, which a stranger chooses."""
    return settings.public_url or f"http://{settings.host}:{settings.port}"


SIGN_IN_CONTROLLERS = [
    RegistrationController,
    SignInController,
    RefreshController,
    PasswordResetController,
]
