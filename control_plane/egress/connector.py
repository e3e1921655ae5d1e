"""Connections to addresses and never to names, each checked once more before a byte of a request is sent."""

import ssl
from ipaddress import ip_address

import aiohttp
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from control_plane.egress.addresses import AddressRule
from control_plane.egress.troubles import EgressError, Trouble

_CONNECTIONS = 200
_CONNECTIONS_TO_ONE_ADDRESS = 32


class PinnedConnector(aiohttp.TCPConnector):
    """The pool's key is the judged address: a connection is used again only for what was judged the same."""

    def __init__(self, rule: AddressRule, tls: ssl.SSLContext | None) -> None:
        super().__init__(
            ssl=tls or True,
            limit=_CONNECTIONS,
            limit_per_host=_CONNECTIONS_TO_ONE_ADDRESS,
        )
        self._rule = rule

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
        if not peer or ip_address(peer[0]) != ip_address(address):
            return False
        # A public address of this very machine leads behind its firewall.
        return peer[0] != here[0] or self._rule.allows_by_name(address)
