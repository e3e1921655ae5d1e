"""Where a host leads, judged as a whole and remembered for seconds: nobody is asked for each request."""

import asyncio
import time
from collections import OrderedDict

from control_plane.egress.addresses import AddressRule
from control_plane.egress.names import Names
from control_plane.egress.own_servers import OwnServers
from control_plane.egress.targets import Target
from control_plane.egress.troubles import EgressError, Trouble

# Who rebinds a name in the meantime gains nothing: connections go to the addresses that were judged.
KEPT_SECONDS = 3.0
_MOST = 4096
# Of a longer answer the rest is never used, so it need not be judged.
_ADDRESSES = 32

_Place = tuple[str, int]


class JudgedHosts:
    def __init__(
        self, rule: AddressRule, own_servers: OwnServers, names: Names, kept_seconds: float = KEPT_SECONDS
    ) -> None:
        self._rule = rule
        self._own_servers = own_servers
        self._names = names
        self._kept_seconds = kept_seconds
        self._known: OrderedDict[_Place, tuple[float, list[str]]] = OrderedDict()
        self._asking: dict[_Place, asyncio.Task[list[str]]] = {}

    def known(self, target: Target) -> list[str] | None:
        known = self._known.get((target.host, target.port))
        return known[1] if known is not None and known[0] > time.monotonic() else None

    async def addresses(self, target: Target) -> list[str]:
        """All of them are permitted, or the whole host is refused."""
        place = (target.host, target.port)
        task = self._asking.get(place)
        if task is None:
            task = asyncio.create_task(self._judge(target, place))
            self._asking[place] = task
            task.add_done_callback(lambda done: self._asked(place, done))
        # Shielded: whoever gives up does not take the answer from the others.
        return await asyncio.shield(task)

    def forget(self, target: Target) -> None:
        """Where nobody answers at its addresses: the host may have moved."""
        self._known.pop((target.host, target.port), None)

    def stop(self) -> None:
        for task in self._asking.values():
            task.cancel()

    async def _judge(self, target: Target, place: _Place) -> list[str]:
        addresses = await self._found(target)
        for address in addresses:
            if not await self._permits(address, target.port):
                raise EgressError(Trouble.FORBIDDEN)
        if self._kept_seconds:
            self._keep(place, addresses)
        return addresses

    async def _found(self, target: Target) -> list[str]:
        written = written_addresses(target)
        if written:
            return written
        try:
            # The dot keeps the machine's search list and its hosts file out of it.
            found = await self._names.addresses(f"{target.host}.")
        except TimeoutError:
            raise
        except (OSError, UnicodeError):
            found = []
        if not found:
            raise EgressError(Trouble.UNRESOLVABLE)
        return found[:_ADDRESSES]

    async def _permits(self, address: str, port: int) -> bool:
        if not self._rule.permits(address):
            return False
        # Where the operator lets a network through, our servers are told from their neighbours by the port.
        named = self._rule.allows_by_name(address)
        return not await self._own_servers.holds(address, port if named else None)

    def _keep(self, place: _Place, addresses: list[str]) -> None:
        self._known[place] = (time.monotonic() + self._kept_seconds, addresses)
        self._known.move_to_end(place)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)

    def _asked(self, place: _Place, task: asyncio.Task[list[str]]) -> None:
        self._asking.pop(place, None)
        if not task.cancelled():
            task.exception()  # those who asked may all be gone


def written_addresses(target: Target) -> list[str]:
    """Those that nobody needs to be asked for."""
    if target.is_address:
        return [target.host]
    return ["127.0.0.1", "::1"] if target.is_this_machine else []
