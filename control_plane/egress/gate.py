"""The only way to addresses that customers name: judged first, then connected to exactly what was judged."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

import aiohttp
import structlog

from control_plane.egress.addresses import AddressRule
from control_plane.egress.answers import Answer, Limits, Reply
from control_plane.egress.connector import PinnedConnector
from control_plane.egress.judged import KEPT_SECONDS, JudgedHosts, written_addresses
from control_plane.egress.names import Names, SystemNames
from control_plane.egress.own_servers import OwnServers, Server, servers_in
from control_plane.egress.targets import Target, read_url
from control_plane.egress.troubles import NETWORK_FAILURES, EgressError, Trouble, told
from control_plane.settings import Networks, Settings
from shared.version import VERSION

log = structlog.get_logger(__name__)

# Addresses of one name that are tried, each in its turn.
_TRIES = 4
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e\t]{0,4096}")
# These belong to the connection: another value would let one request pass for two, or for another host's.
_OURS = frozenset(
    {
        "host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect",
        "keep-alive", "accept-encoding", "content-encoding", "cookie", "proxy-authorization",
        "proxy-connection", "http2-settings",
    }
)  # fmt: skip


class Egress:
    """One pool of connections for a process."""

    def __init__(
        self,
        *,
        ports: tuple[range, ...],
        allowed: Networks | None = None,
        own_servers: Iterable[Server] = (),
        names: Names | None = None,
        tls: ssl.SSLContext | None = None,
        kept_seconds: float = KEPT_SECONDS,
    ) -> None:
        """`kept_seconds`: for how long it is remembered where a host leads."""
        self._rule = AddressRule(allowed or Networks())
        self._ports = ports
        # Our own servers are looked up in threads that no customer's name can occupy.
        self._names, our_names = names or SystemNames(), names or SystemNames(threads=1)
        self._own_servers = OwnServers(own_servers, our_names)
        self._our_names = our_names
        self._hosts = JudgedHosts(self._rule, self._own_servers, self._names, kept_seconds)
        self._tls = tls
        self._http: aiohttp.ClientSession | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Egress":
        urls = (settings.database_url, settings.redis_url)
        return cls(
            ports=settings.egress_ports,
            allowed=settings.egress_allow,
            own_servers=[server for url in urls for server in servers_in(url.reveal())],
        )

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()
        self._hosts.stop()
        self._names.close()
        self._our_names.close()

    def check(self, url: str) -> None:
        """What can be said without asking the network, for URLs that are kept for later."""
        target = read_url(url, self._ports)
        if not all(map(self._rule.permits, written_addresses(target))):
            raise EgressError(Trouble.FORBIDDEN)

    async def probe(self, url: str, *, seconds: float = 5) -> None:
        """Judges where the URL leads by now, without connecting: for URLs that are kept for later."""
        target = read_url(url, self._ports)
        try:
            await self._judged(target, seconds)
        except EgressError as error:
            _log_failure("PROBE", target, error)
            raise

    @asynccontextmanager
    async def get(self, url: str, limits: Limits) -> AsyncIterator[Answer]:
        async with self._exchange("GET", url, None, {}, limits) as answer:
            answer.check()
            yield answer

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], limits: Limits) -> Reply:
        """A redirect is an answer like others: it is told and not followed."""
        check_headers(headers)
        async with self._exchange("POST", url, body, headers, limits) as answer:
            return Reply(answer.status, answer.headers, await answer.beginning())

    @asynccontextmanager
    async def _exchange(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], limits: Limits
    ) -> AsyncIterator[Answer]:
        target = read_url(url, self._ports)
        now = asyncio.get_running_loop().time()
        end = now + limits.total_seconds
        try:
            async with _until(min(end, now + limits.answer_seconds)):
                addresses = await self._judged(target, limits.resolve_seconds)
                response = await self._ask(method, target, addresses, body, headers, limits)
            try:
                yield Answer(response, limits, end)
            finally:
                # A connection whose answer was read to its end is back in the pool already.
                response.close()
        except EgressError as error:
            _log_failure(method, target, error)
            raise

    async def _judged(self, target: Target, seconds: float) -> list[str]:
        known = self._hosts.known(target)
        if known:
            return known
        async with _until(asyncio.get_running_loop().time() + seconds):
            return await self._hosts.addresses(target)

    async def _ask(  # noqa: PLR0917 (the parts of a request, in their order)
        self,
        method: str,
        target: Target,
        addresses: list[str],
        body: bytes | None,
        headers: Mapping[str, str],
        limits: Limits,
    ) -> aiohttp.ClientResponse:
        last: BaseException | None = None
        for address in addresses[:_TRIES]:
            try:
                return await self._session().request(
                    method,
                    target.at(address),
                    data=body,
                    headers={**headers, "Host": target.host_header},
                    server_hostname=target.certificate_name,
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(total=None, sock_connect=limits.connect_seconds),
                )
            except aiohttp.ClientSSLError as error:
                raise told(error) from None
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
                last = error  # nothing was sent: the next one may be up
            except NETWORK_FAILURES as error:
                raise told(error) from None
        self._hosts.forget(target)
        raise (told(last) if last else EgressError(Trouble.UNREACHABLE)) from None

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            self._http = aiohttp.ClientSession(
                connector=PinnedConnector(self._rule, self._tls, self._own_servers.stand_here),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                headers={"User-Agent": f"Waypost/{VERSION}", "Accept-Encoding": "identity"},
            )
        return self._http


def _log_failure(method: str, target: Target, error: EgressError) -> None:
    log.info("egress_failed", method=method, host=target.host, port=target.port, code=error.code)


def check_headers(headers: Mapping[str, str]) -> None:
    """What a customer may add to a request; also for headers that are kept for later."""
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise EgressError(
                Trouble.HEADER, f"The header {name[:40]!r} holds a character that is not allowed."
            )
        # Many servers take _ for - here, and would read a header of ours into it.
        if name.lower().replace("_", "-") in _OURS:
            raise EgressError(Trouble.HEADER, f"The header {name!r} is set by us. Leave it out.")


@asynccontextmanager
async def _until(end: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout_at(end):
            yield
    except TimeoutError:
        raise EgressError(Trouble.TIME_OUT) from None
