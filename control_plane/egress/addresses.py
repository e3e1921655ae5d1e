"""Which addresses are public, judged by tables of our own and by the standard library's: both must agree."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from control_plane.egress.embedded import embedded
from control_plane.settings import Networks

# IANA's registries of special addresses. The library's tables differ between the patch releases of Python:
# these stand by themselves.
_SPECIAL_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network; Linux takes it for loopback
        "10.0.0.0/8",
        "100.64.0.0/10",  # carriers' NAT, and some clouds' metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's own service for its machines, though it looks public
        "169.254.0.0/16",  # link-local, and most clouds' metadata
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",  # AS112: whichever sink for names of private addresses is nearest
        "192.52.193.0/24",  # relays of multicast
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",  # AS112 once more
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
# Whatever lies outside is special or given to nobody: mapped and translated addresses, discard (100::/64),
# SRv6 (5f00::/16), private, link-local, site-local and multicast ones.
_GLOBAL_V6 = IPv6Network("2000::/3")
_SPECIAL_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocols: Teredo, benchmarks, ORCHID
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
# What tells machines of clouds their secrets. No network that an operator lets through opens these.
_METADATA = tuple(
    ip_network(network)
    for network in (
        "100.100.100.200/32",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "192.0.0.192/32",
        "fd00:42::42/128",
        "fd00:ec2::/32",
        "fd20:ce::254/128",
        "fe80::/10",
    )
)
_REMEMBERED = 4096


class _Verdict(NamedTuple):
    permitted: bool
    named: bool


def is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        special = any(address in network for network in _SPECIAL_V4)
        return not special and address.is_global and not address.is_multicast
    if address.scope_id is not None or not all(map(is_public, embedded(address))):
        return False
    special = any(address in network for network in _SPECIAL_V6)
    return address in _GLOBAL_V6 and not special and address.is_global


class AddressRule:
    """Public addresses, and the networks that the operator lets through; never a cloud's metadata."""

    def __init__(self, allowed: Networks) -> None:
        self._allowed = allowed
        # It never changes, and the same few addresses are asked about for each request and each connection.
        self._known = lru_cache(_REMEMBERED)(self._judge)

    def permits(self, address: str) -> bool:
        return self._known(address).permitted

    def allows_by_name(self, address: str) -> bool:
        """Whether the operator let it through, public or not."""
        return self._known(address).named

    def _judge(self, address: str) -> _Verdict:
        try:
            parsed = ip_address(address)
        except ValueError:
            return _Verdict(permitted=False, named=False)
        zoned = isinstance(parsed, IPv6Address) and parsed.scope_id is not None
        permitted = not zoned and self._may(parsed)
        return _Verdict(permitted, named=permitted and str(parsed) in self._allowed)

    def _may(self, address: IPv4Address | IPv6Address) -> bool:
        if any(address in network for network in _METADATA):
            return False
        # A network of gateways (like NAT64's, 64:ff9b::/96) opens no more than what lies behind them.
        inside = embedded(address) if isinstance(address, IPv6Address) else []
        return all(map(self._may, inside)) and (is_public(address) or str(address) in self._allowed)
