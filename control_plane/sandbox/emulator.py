"""The control API of the emulated network."""

from typing import Any

import httpx

from control_plane.errors import AppError, Code
from control_plane.settings import Settings

_PATIENCE = 15.0


class RefusedError(AppError):
    """The emulated network does not do what it was asked for; `is_absent` when that is about nothing."""

    def __init__(self, status: int, told: dict[str, Any]) -> None:
        words = str(told.get("detail", "The emulated network refused."))
        if told.get("code") == "pairing_refused":
            super().__init__(Code.PAIRING_REFUSED, f"The pairing was refused: {words}")
        else:
            super().__init__(Code.VALIDATION_FAILED, words)
        self.is_absent = status == 404


class Emulator:
    def __init__(self, settings: Settings) -> None:
        token = settings.sandbox_control_token
        self._url = settings.sandbox_control_url
        self._headers = {"Authorization": f"Bearer {token.reveal()}"} if token is not None else {}
        self._http: httpx.AsyncClient | None = None

    async def close(self) -> None:
        if self._http is not None:
            await self._http.aclose()

    async def ask(self, method: str, path: str, **options: Any) -> Any:
        """What it refuses is a fault of the request, told in its words."""
        if not self._url:
            raise AppError(Code.SANDBOX_UNAVAILABLE, "This installation has no emulated network.")
        if self._http is None:
            self._http = httpx.AsyncClient(base_url=self._url, headers=self._headers, timeout=_PATIENCE)
        try:
            response = await self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise AppError(
                Code.SANDBOX_UNAVAILABLE, "The emulated network does not answer now. Try again in a moment."
            ) from error
        if response.status_code >= 500 or response.status_code == 401:
            raise AppError(Code.SANDBOX_UNAVAILABLE, "The emulated network could not do this now.")
        if response.status_code >= 400:
            raise RefusedError(response.status_code, response.json())
        return response.json() if response.content else None
