"""The page that the link in the mail leads to."""

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, URLEncodedBody
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.accounts.passwords import MAXIMUM_LENGTH, MINIMUM_LENGTH
from control_plane.accounts.sign_in import SignIn
from control_plane.dashboard.pages import page
from control_plane.db.engine import SystemSite
from control_plane.errors import AppError
from control_plane.http.principal import public
from control_plane.http.transactions import system_session


class ResetForm(msgspec.Struct):
    token: str = ""
    password: str = ""


class PasswordResetPage(Controller):
    path = "/reset-password"
    include_in_schema = False
    opt = public("sign_in")
    dependencies = {"db": system_session(SystemSite.PASSWORD_RESET)}

    @get(sync_to_thread=False)
    def form(self, token: FromQuery[str] = "") -> Response[str]:
        return _form(token)

    @post(status_code=200)
    async def submit(
        self,
        data: URLEncodedBody[ResetForm],
        db: NamedDependency[AsyncSession],
        sign_in: NamedDependency[SignIn],
    ) -> Response[str]:
        try:
            await sign_in.reset_password(db, data.token, data.password)
        except AppError as error:
            return _form(data.token, problem=error.detail, status=error.code.status)
        return page("reset_password.html", done=True)


def _form(token: str, *, problem: str = "", status: int = 200) -> Response[str]:
    return page(
        "reset_password.html",
        status=status,
        done=False,
        token=token[:200],
        problem=problem,
        minimum_length=MINIMUM_LENGTH,
        maximum_length=MAXIMUM_LENGTH,
    )
