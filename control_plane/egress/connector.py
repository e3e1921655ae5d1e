"""Connections to addresses and never to names, each checked once more before a byte of a request is sent."""

import ssl
from collections.abc import Callable
from ipaddress import ip_address

import aiohttp
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from control_plane.egress.addresses import AddressRule
from control_plane.egress.troubles import EgressError, Trouble

_CONNECTIONS = 200
_CONNECTIONS_TO_ONE_ADDRESS = 32
# Many servers close theirs after 5 s; a request that meets the end of one would fail for nothing.
_IDLE_SECONDS = 4.0


class PinnedConnector(aiohttp.TCPConnector):
    """The pool's key is the judged address: a connection is used again only for what was judged the same."""

    def __init__(
        self,
        rule: AddressRule,
        tls: ssl.SSLContext | None,
        is_our_server: Callable[[int], bool] = lambda _port: False,
    ) -> None:
        """`is_our_server`: whether a port of this very machine is one of our own servers'."""
        super().__init__(
            ssl=tls or True,
            limit=_CONNECTIONS,
            limit_per_host=_CONNECTIONS_TO_ONE_ADDRESS,
            keepalive_timeout=_IDLE_SECONDS,
        )
        self._rule = rule
        self._is_our_server = is_our_server

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 (the library's signature)
    ) -> Connection:
        address = req.url.host or ""
        if not self._rule.permits(address):
            raise EgressError(Trouble.FORBIDDEN)
        connection = await super().connect(req, traces, timeout)
        if not self._stands_right(connection, address):
            connection.close()
            raise EgressError(Trouble.FORBIDDEN)
        return connection

    def _stands_right(self, connection: Connection, address: str) -> bool:
        transport = connection.transport
        if transport is None:
            return True  # it is gone, and the request will say so
        peer, here = (transport.get_extra_info(name) for name in ("peername", "sockname"))
        if not peer or (peer[0] != address and ip_address(peer[0]) != ip_address(address)):
            return False
        if peer[0] != here[0]:
            return True
        # A public address of this very machine leads behind its firewall.
        return self._rule.allows_by_name(address) and not self._is_our_server(peer[1])
