"""Where our own database and map stand: no customer's URL may lead there, not even on a public address."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

import structlog

from control_plane.egress.embedded import all_forms
from control_plane.egress.names import Names
from control_plane.egress.troubles import EgressError, Trouble

log = structlog.get_logger(__name__)

_KEPT_SECONDS = 60.0
_LOOPBACK = "loopback"
_PORTS = {"postgresql": 5432, "postgres": 5432, "redis": 6379, "rediss": 6379}


@dataclass(frozen=True, slots=True)
class Server:
    host: str
    port: int


def servers_in(url: str) -> list[Server]:
    """Of a connection URL: several hosts are separated by commas, and sockets of the machine are none."""
    parts = urlsplit(url)
    usual = _PORTS.get(parts.scheme, 0)
    query = parse_qs(parts.query)
    written = [*parts.netloc.rpartition("@")[2].split(","), *",".join(query.get("host", [])).split(",")]
    found = []
    for place in written:
        if not place or place.startswith(("/", "%2F", "%2f")):
            continue
        one = urlsplit(f"//{place}")
        if one.hostname:
            found.append(Server(one.hostname, one.port or int(query.get("port", [usual])[0])))
    return found


class OwnServers:
    def __init__(self, servers: Iterable[Server], names: Names) -> None:
        self._names = names
        self._known: dict[Server, frozenset[str]] = {server: frozenset() for server in servers}
        self._old_at = 0.0
        self._looking_up = asyncio.Lock()

    async def holds(self, address: str, port: int | None) -> bool:
        """Without a port: whether any of them stands at the address, or at one that is hidden in it."""
        await self._be_young()
        forms = _forms(address)
        return any(
            not forms.isdisjoint(addresses) and port in {None, server.port}
            for server, addresses in self._known.items()
        )

    def stand_here(self, port: int) -> bool:
        """Whether one of them listens to this machine itself, which has more addresses than loopback's."""
        return any(
            _LOOPBACK in addresses and port == server.port for server, addresses in self._known.items()
        )

    async def _be_young(self) -> None:
        """Who comes while others look up waits for what they find."""
        if time.monotonic() < self._old_at:
            return
        async with self._looking_up:
            if time.monotonic() >= self._old_at:
                await self._look_up()

    async def _look_up(self) -> None:
        for server, before in self._known.items():
            try:
                found = await self._names.addresses(server.host)
            except (OSError, UnicodeError) as error:
                log.warning("own_server_unresolved", host=server.host)
                # Where it stood may still be true; where nothing is known, nothing can be told apart from it.
                if not before:
                    raise EgressError(Trouble.UNREACHABLE) from error
                continue
            self._known[server] = frozenset().union(*map(_forms, found))
        self._old_at = time.monotonic() + _KEPT_SECONDS


def _forms(address: str) -> set[str]:
    """A resolver may name an interface as well. What listens on one address of loopback often does on all."""
    forms = all_forms(address.partition("%")[0])
    if any(ip_address(form).is_loopback or ip_address(form).is_unspecified for form in forms):
        forms.add(_LOOPBACK)
    return forms
