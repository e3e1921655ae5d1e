"""A name server of a customer, who wishes us ill: it answers over UDP, each time whatever a test wants."""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rrset

# Of a name and the kind of the question; addresses of the other kind stay untold.
Answers = Callable[[str, str], list[str]]
_TYPES = {"A": 4, "AAAA": 6}


class _Server(asyncio.DatagramProtocol):
    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # The loop's own kind is not declared as one, though it is.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        [question] = query.question
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA | dns.flags.AA
        kind = question.rdtype.name
        found = self._answers(question.name.to_text(), kind)
        fitting = [place for place in found if ipaddress.ip_address(place).version == _TYPES.get(kind)]
        if not found:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        if fitting:
            reply.answer.append(dns.rrset.from_text(question.name, 0, "IN", kind, *fitting))
        if self._transport is not None:
            self._transport.sendto(reply.to_wire(), addr)


class AskedNames:
    """The gate's port to names, over the network to that server instead of the machine's own resolver."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._resolver = dns.asyncresolver.Resolver(configure=False)
        self._resolver.nameservers = ["127.0.0.1"]
        self._resolver.port = port

    async def addresses(self, host: str) -> list[str]:
        try:
            found = await self._resolver.resolve_name(host, socket.AF_UNSPEC)
        except dns.exception.DNSException as error:
            raise OSError("no such name") from error
        return list(found.addresses())

    def close(self) -> None:
        pass


@asynccontextmanager
async def name_server(answers: Answers) -> AsyncIterator[AskedNames]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Server(answers), ("127.0.0.1", 0))
    try:
        yield AskedNames(transport.get_extra_info("sockname")[1])
    finally:
        transport.close()
