"""Which addresses are public, judged by tables of our own and by the standard library's: both must agree."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from control_plane.settings import Networks

# The library's tables differ between the patch releases of Python: these stand by themselves.
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
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_GLOBAL_V6 = IPv6Network("2000::/3")
_SPECIAL_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocols: Teredo, benchmarks, ORCHID
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})
_METADATA = frozenset({"169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16"})


def is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        special = any(address in network for network in _SPECIAL_V4)
        return not special and address.is_global and not address.is_multicast
    if address.scope_id is not None:
        return False
    embedded = _embedded(address)
    if embedded is not None and not is_public(embedded):
        return False
    # A network without IPv4 of its own reaches IPv4 hosts by this prefix, so it may be used for public ones.
    if address in _NAT64:
        return True
    special = any(address in network for network in _SPECIAL_V6)
    return address in _GLOBAL_V6 and not special and address.is_global


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that a gateway would deliver to; other forms that embed one are refused as a whole."""
    number = int(address)
    if address in _NAT64 or (number >> 32) & 0xFFFFFFFF in _ISATAP:
        return IPv4Address(number & 0xFFFFFFFF)
    return None


class AddressRule:
    """Public addresses, and the networks that the operator lets through; never a cloud's metadata."""

    def __init__(self, allowed: Networks) -> None:
        self._allowed = allowed

    def allows_by_name(self, address: str) -> bool:
        return address in self._allowed and address not in _METADATA

    def permits(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        if isinstance(parsed, IPv6Address) and parsed.scope_id is not None:
            return False
        plain = str(parsed)
        return plain not in _METADATA and (is_public(parsed) or plain in self._allowed)
