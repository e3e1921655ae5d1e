"""The control API of the emulated network."""

from typing import Any

import httpx

from control_plane.errors import AppError, Code
from control_plane.settings import Settings

_PATIENCE = 15.0


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
            told = response.json()
            raise AppError(Code.VALIDATION_FAILED, str(told.get("detail", "The emulated network refused.")))
        return response.json() if response.content else None
