"""What the control plane asks of workers, signed with the key that only the two of them have."""

import socket
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import aiohttp
import msgspec
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from control_plane.fleet.models import Worker
from control_plane.fleet.tokens import WorkerTokens
from shared.contracts.commands import Attempts, AttemptsSeen, CommandAnswer, Reloading, Standing, Wish
from shared.internal_auth import SIGNATURE_HEADER, sign

Answer = TypeVar("Answer")


_TRIES = 3
# The second: it is here no more, and nothing was done; who asked has an old map.
_ANSWERS = frozenset({200, 421})


class Trouble(StrEnum):
    """Why a worker cannot be reached, told apart."""

    REFUSED = "refused"
    TIME_OUT = "time_out"
    DNS = "dns"
    TLS = "tls"
    BAD_ANSWER = "bad_answer"
    UNREACHABLE = "unreachable"


_WORDS = {
    Trouble.REFUSED: "nobody listens at its endpoint: the worker has ended, or the port is wrong",
    Trouble.TIME_OUT: "its endpoint does not answer in time: the machine or the network is down or busy",
    Trouble.DNS: "the name of its endpoint is not known",
    Trouble.TLS: "its certificate is not accepted",
    Trouble.BAD_ANSWER: "something else answers at its endpoint",
    Trouble.UNREACHABLE: "the connection to its endpoint broke",
}


class WorkerTrouble(Exception):  # noqa: N818 (what is the matter with a worker)
    """`sent`: the request may have reached the worker."""

    def __init__(self, trouble: Trouble, *, sent: bool) -> None:
        super().__init__(_WORDS[trouble])
        self.trouble = trouble
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Address:
    """Copied from the row: no transaction is open while the worker is asked."""

    worker_id: str
    endpoint: str
    incarnation: int
    token_key_id: str

    @classmethod
    def of(cls, worker: Worker) -> "Address":
        return cls(worker.id, worker.endpoint, worker.incarnation, worker.token_key_id)


class WorkerClient:
    """One pool of connections for a replica."""

    def __init__(self, tokens: WorkerTokens) -> None:
        self._tokens = tokens
        self._http: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()

    async def standing(self, worker: Address, within: float = 2.0) -> Standing:
        return await self._ask_again(worker, "GET", "/standing", b"", Standing, within)

    async def reload(self, worker: Address, within: float = 5.0) -> Reloading:
        return await self._ask_again(worker, "POST", "/reload", b"", Reloading, within)

    async def attempts(self, worker: Address, asked: Attempts, within: float) -> AttemptsSeen:
        """Asked again, the journal says the same, or more."""
        body = msgspec.json.encode(asked)
        return await self._ask_again(worker, "POST", "/attempts", body, AttemptsSeen, within)

    async def command(self, worker: Address, session: str, wish: Wish, within: float) -> CommandAnswer:
        """Never repeated by itself: nobody could tell one message from two."""
        body = msgspec.json.encode(wish)
        return await self._ask(worker, "POST", f"/sessions/{session}/commands", body, CommandAnswer, within)

    async def _ask_again(  # noqa: PLR0917 (the parts of a call, in their order)
        self, worker: Address, method: str, path: str, body: bytes, answer: type[Answer], within: float
    ) -> Answer:
        """For what may reach the worker twice. A refusal is an answer as well, and is not asked for again."""
        tries = AsyncRetrying(
            stop=stop_after_attempt(_TRIES),
            wait=wait_random_exponential(multiplier=0.1, max=1),
            retry=retry_if_exception(_may_pass),
            reraise=True,
        )
        return await tries(self._ask, worker, method, path, body, answer, within)

    async def _ask(  # noqa: PLR0917 (the parts of a call, in their order)
        self, worker: Address, method: str, path: str, body: bytes, answer: type[Answer], within: float
    ) -> Answer:
        if self._http is None:
            self._http = aiohttp.ClientSession()
        token = self._tokens.token(worker.worker_id, worker.incarnation, worker.token_key_id)
        headers = {SIGNATURE_HEADER: sign(token, method, path, body), "Content-Type": "application/json"}
        try:
            async with self._http.request(
                method,
                worker.endpoint + path,
                data=body,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=within, connect=min(within, 5.0)),
                allow_redirects=False,
            ) as response:
                raw = await response.read()
                if response.status not in _ANSWERS:
                    raise WorkerTrouble(Trouble.BAD_ANSWER, sent=response.status >= 500)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise _trouble(error) from error
        try:
            return msgspec.json.decode(raw, type=answer)
        except msgspec.MsgspecError as error:
            raise WorkerTrouble(Trouble.BAD_ANSWER, sent=True) from error


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, WorkerTrouble) and error.trouble in {Trouble.UNREACHABLE, Trouble.TIME_OUT}


def _trouble(error: BaseException) -> WorkerTrouble:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return WorkerTrouble(Trouble.DNS, sent=False)
    if isinstance(error, aiohttp.ClientSSLError):
        return WorkerTrouble(Trouble.TLS, sent=False)
    if isinstance(error, aiohttp.ClientConnectorError):
        refused = isinstance(error.os_error, ConnectionRefusedError)
        unknown = isinstance(error.os_error, socket.gaierror)
        found = Trouble.DNS if unknown else Trouble.REFUSED if refused else Trouble.UNREACHABLE
        return WorkerTrouble(found, sent=False)
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return WorkerTrouble(Trouble.TIME_OUT, sent=False)
    if isinstance(error, TimeoutError):
        return WorkerTrouble(Trouble.TIME_OUT, sent=True)
    return WorkerTrouble(Trouble.UNREACHABLE, sent=True)
