"""IPv6 addresses that hold an IPv4 address: some gateway or kernel may deliver to that one instead."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple


class _Form(NamedTuple):
    network: IPv6Network
    # Where the IPv4 address ends, in bits from the right.
    shift: int
    flipped: bool = False


_FORMS = (
    _Form(IPv6Network("::/96"), 0),  # compatible
    _Form(IPv6Network("::ffff:0:0/96"), 0),  # mapped
    _Form(IPv6Network("::ffff:0:0:0/96"), 0),  # translated
    _Form(IPv6Network("64:ff9b::/96"), 0),  # NAT64
    _Form(IPv6Network("64:ff9b:1::/48"), 0),  # NAT64 within a network
    _Form(IPv6Network("2001::/32"), 64),  # Teredo: its server
    _Form(IPv6Network("2001::/32"), 0, flipped=True),  # Teredo: its client
    _Form(IPv6Network("2002::/16"), 80),  # 6to4
)
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})
# Of the form of compatible addresses, but they have always meant this machine.
_OWN = frozenset({IPv6Address("::"), IPv6Address("::1")})


def embedded(address: IPv6Address) -> list[IPv4Address]:
    if address in _OWN:
        return []
    number = int(address)
    found = [_cut(number, form) for form in _FORMS if address in form.network]
    if (number >> 32) & 0xFFFFFFFF in _ISATAP:
        found.append(IPv4Address(number & 0xFFFFFFFF))
    return found


def all_forms(address: str) -> set[str]:
    """The address and those in it, as they are usually written; of one without a zone."""
    parsed = ip_address(address)
    inside = embedded(parsed) if isinstance(parsed, IPv6Address) else []
    return {str(parsed), *map(str, inside)}


def _cut(number: int, form: _Form) -> IPv4Address:
    bits = (number >> form.shift) & 0xFFFFFFFF
    return IPv4Address(bits ^ 0xFFFFFFFF if form.flipped else bits)
