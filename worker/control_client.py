"""The calls of a worker to its control plane."""

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

import httpx
import msgspec

from shared.contracts.fleet import (
    Assigned,
    Heartbeat,
    HeartbeatAnswer,
    RecoveryStatus,
    Register,
    Registered,
    Released,
)
from shared.redaction import Secret

Form = TypeVar("Form")
_PATIENCE = 15.0
# The control plane sends a comment now and then: a stream that is silent longer has lost its other end.
_STREAM_SILENCE = 45.0
_GATEWAYS = frozenset({502, 503, 504})


class Unreachable(Exception):  # noqa: N818 (a state, and no fault)
    """No control plane answered."""


class Refusal(Exception):  # noqa: N818
    """It answered, and said no."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"status {status} {code}: {detail}".strip(": "))
        self.status = status
        self.code = code
        self.detail = detail

    @property
    def retires(self) -> bool:
        """This incarnation is over."""
        return (
            self.status == 401 or (self.status == 409 and self.code == "incarnation_retired") or self.replaces
        )

    @property
    def replaces(self) -> bool:
        """Another process has our id: two that register in turn would throw each other out for ever."""
        return self.status == 409 and self.code == "incarnation_replaced"


class ControlClient:
    """After `register` it speaks as that incarnation, until `forget`."""

    def __init__(self, url: str, join_token: Secret) -> None:
        self._join_token = join_token
        self._http = httpx.AsyncClient(base_url=url, timeout=httpx.Timeout(_PATIENCE, connect=5))
        self.registered: Registered | None = None

    async def close(self) -> None:
        await self._http.aclose()

    def forget(self) -> None:
        self.registered = None

    async def register(self, wish: Register) -> Registered:
        answer = await self._post("/v1/workers/register", wish, self._join_token.reveal())
        self.registered = _decoded(answer, Registered)
        return self.registered

    async def heartbeat(self, beat: Heartbeat, within: float) -> HeartbeatAnswer:
        """Time counts as a whole here: the lease runs meanwhile."""
        try:
            async with asyncio.timeout(within):
                return _decoded(await self._own("heartbeat", beat), HeartbeatAnswer)
        except TimeoutError:
            raise Unreachable("no answer in time") from None

    async def assigned(self) -> Assigned:
        known = self._known()
        url = f"/v1/workers/{known.worker_id}/sessions/assigned"
        return _decoded(await self._request("GET", url, known.token), Assigned)

    async def recovery_status(self, status: RecoveryStatus) -> None:
        await self._own("sessions/recovery-status", status)

    async def released(self, released: Released) -> None:
        await self._own("sessions/released", released)

    async def events(self, batch: bytes) -> bytes:
        """Encoded by the caller, who may have to send the very same again."""
        known = self._known()
        url = f"/v1/workers/{known.worker_id}/events"
        return (await self._request("POST", url, known.token, batch)).content

    async def nudges(self) -> AsyncIterator[str]:
        """The data of each event of the stream; ends when the other side ends it."""
        known = self._known()
        headers = {"Authorization": f"Bearer {known.token}", "Accept": "text/event-stream"}
        url = f"/v1/workers/{known.worker_id}/stream"
        timeout = httpx.Timeout(_PATIENCE, read=_STREAM_SILENCE)
        try:
            async with self._http.stream("GET", url, headers=headers, timeout=timeout) as answer:
                if answer.is_error:
                    await answer.aread()
                    raise _refusal(answer)
                async for line in answer.aiter_lines():
                    if line.startswith("data:"):
                        yield line.removeprefix("data:").strip()
        except httpx.HTTPError as error:
            raise Unreachable(type(error).__name__) from error

    def _known(self) -> Registered:
        if self.registered is None:
            raise Unreachable("not registered")
        return self.registered

    async def _own(self, path: str, body: msgspec.Struct) -> httpx.Response:
        known = self._known()
        return await self._post(f"/v1/workers/{known.worker_id}/{path}", body, known.token)

    async def _post(self, url: str, body: msgspec.Struct, token: str) -> httpx.Response:
        return await self._request("POST", url, token, msgspec.json.encode(body))

    async def _request(self, method: str, url: str, token: str, content: bytes = b"") -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            answer = await self._http.request(method, url, headers=headers, content=content)
        except httpx.HTTPError as error:
            raise Unreachable(type(error).__name__) from error
        if answer.status_code in _GATEWAYS:
            raise Unreachable(f"status {answer.status_code}")
        if not answer.is_success:
            raise _refusal(answer)
        return answer


def _decoded(answer: httpx.Response, form: type[Form]) -> Form:
    try:
        return msgspec.json.decode(answer.content, type=form)
    except msgspec.MsgspecError:
        raise Unreachable("it answered in words that nobody understands") from None


def _refusal(answer: httpx.Response) -> Refusal:
    code = detail = ""
    try:
        told = msgspec.json.decode(answer.content)
        code, detail = str(told.get("code", "")), str(told.get("detail", ""))
    except (msgspec.MsgspecError, AttributeError):
        pass
    return Refusal(answer.status_code, code[:100], detail[:300])
