"""The connector by itself: should the gate ever judge wrongly, no request leaves all the same."""

import aiohttp
import pytest
from aiohttp.abc import ResolveResult

from control_plane.egress.addresses import AddressRule
from control_plane.egress.connector import PinnedConnector
from control_plane.egress.troubles import EgressError
from control_plane.settings import Networks
from tests.integration.egress_stand import PRIVATE, PUBLIC, site, text


@pytest.mark.parametrize("host", ["localhost", PRIVATE, "[::ffff:127.0.0.1]"])
async def test_the_connector_itself_takes_neither_names_nor_private_addresses(host):
    async with site(text) as there, site(text, PRIVATE, there.port) as inside:
        connector = PinnedConnector(AddressRule(Networks([PUBLIC])), None)
        async with aiohttp.ClientSession(connector=connector) as http:
            with pytest.raises(EgressError):
                await http.get(f"http://{host}:{there.port}/")
    assert there.connections == inside.connections == []


async def test_a_connection_that_went_elsewhere_carries_no_request():
    class Bent(PinnedConnector):
        async def _resolve_host(self, host: str, port: int, traces: object = None) -> list[ResolveResult]:
            [place] = await super()._resolve_host(host, port)
            return [place | {"host": PRIVATE}]

    async with (
        site(text) as there,
        site(text, PRIVATE, there.port) as inside,
        aiohttp.ClientSession(connector=Bent(AddressRule(Networks([PUBLIC])), None)) as http,
    ):
        with pytest.raises(EgressError):
            await http.get(f"http://{PUBLIC}:{there.port}/")
    assert inside.requests == []


async def test_a_public_address_of_this_very_machine_carries_no_request():
    class AllIsPublic(AddressRule):
        def permits(self, address: str) -> bool:
            return True

    async with site(text) as there:
        connector = PinnedConnector(AllIsPublic(Networks()), None)
        async with aiohttp.ClientSession(connector=connector) as http:
            with pytest.raises(EgressError):
                await http.get(f"http://{PUBLIC}:{there.port}/")
    assert there.requests == []
