"""Which addresses a customer's URL may lead to, over every form in which an address can hide another."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.egress.addresses import AddressRule, is_public
from control_plane.egress.embedded import embedded
from control_plane.settings import Networks

CLOSED_V4 = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/4", "192.31.196.0/24",
    "192.52.193.0/24", "192.175.48.0/24", "240.0.0.0/4", "255.255.255.255/32",
]  # fmt: skip
CLOSED_V6 = [
    "::/128", "::1/128", "::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64",
    "100:0:0:1::/64", "2001::/23",
    "2620:4f:8000::/48", "2001::/32", "2001:2::/48",
    "2001:10::/28", "2001:20::/28", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7",
    "fe80::/10", "fec0::/10", "ff00::/8",
]  # fmt: skip
OPEN_V4 = ["1.1.1.0/24", "8.8.8.0/24", "93.184.0.0/16", "172.32.0.0/11", "100.128.0.0/9", "192.0.1.0/24"]
OPEN_V6 = ["2001:4860::/32", "2606:4700::/32", "2a00:1450::/32", "2400:cb00::/32"]


def within(networks: list[str], kind: type[IPv4Network] | type[IPv6Network]) -> st.SearchStrategy[int]:
    return st.sampled_from(networks).flatmap(
        lambda network: st.integers(int(kind(network)[0]), int(kind(network)[-1]))
    )


closed_v4 = within(CLOSED_V4, IPv4Network).map(IPv4Address)
open_v4 = within(OPEN_V4, IPv4Network).map(IPv4Address)
closed_v6 = within(CLOSED_V6, IPv6Network).map(IPv6Address)
open_v6 = within(OPEN_V6, IPv6Network).map(IPv6Address)

FORMS = {
    "mapped": lambda v4: (0xFFFF << 32) | v4,
    "compatible": lambda v4: v4,
    "translated": lambda v4: (0xFFFF << 48) | v4,
    "6to4": lambda v4: (0x2002 << 112) | (v4 << 80) | 1,
    "teredo server": lambda v4: (0x20010000 << 96) | (v4 << 64) | 0xF7F7F7F7,
    "teredo client": lambda v4: (0x20010000 << 96) | (0x01010101 << 64) | (v4 ^ 0xFFFFFFFF),
    "nat64": lambda v4: (0x0064FF9B << 96) | v4,
    "local nat64": lambda v4: (0x0064FF9B0001 << 80) | v4,
    "isatap": lambda v4: (0x26064700 << 96) | (0x5EFE << 32) | v4,
    "isatap of a global one": lambda v4: (0x26064700 << 96) | (0x02005EFE << 32) | v4,
}


@given(closed_v4 | closed_v6)
def test_special_addresses_are_not_public(address):
    assert not is_public(address)


@given(open_v4 | open_v6)
def test_public_addresses_are(address):
    assert is_public(address)


@given(closed_v4, st.sampled_from(sorted(FORMS)))
def test_a_special_address_is_not_public_in_any_wrapping(address, form):
    assert not is_public(IPv6Address(FORMS[form](int(address))))


@given(open_v4)
def test_a_public_address_is_reached_by_the_name_of_a_place_in_a_public_network_alone(address):
    public = {form for form in FORMS if is_public(IPv6Address(FORMS[form](int(address))))}
    assert public == {"isatap", "isatap of a global one"}


@given(open_v4 | closed_v4, st.sampled_from(sorted(FORMS)))
def test_every_wrapping_is_looked_into(address, form):
    assert address in embedded(IPv6Address(FORMS[form](int(address)))) or int(address) <= 1


@given(closed_v4, open_v4, st.sampled_from(sorted(FORMS)))
def test_gateways_that_the_operator_lets_through_open_public_addresses_and_no_others(closed, public, form):
    everything_v6 = AddressRule(Networks(["::/0"]))
    hidden, plain = (str(IPv6Address(FORMS[form](int(address)))) for address in (closed, public))
    assert everything_v6.permits(hidden) is (hidden in {"::", "::1"})
    assert everything_v6.permits(plain)


@given(st.ip_addresses())
def test_whatever_is_public_is_so_for_the_standard_library_as_well(address):
    if is_public(address):
        assert address.is_global
        assert not any((address.is_private, address.is_multicast, address.is_loopback, address.is_link_local))


@pytest.mark.parametrize(
    "edge", ["9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255"]
)
def test_the_neighbours_of_private_networks_are_public(edge):
    assert is_public(ip_address(edge))


def test_a_network_that_the_operator_names_is_let_through_and_its_neighbours_are_not():
    rule = AddressRule(Networks(["127.0.0.1/32", "::1/128", "10.1.0.0/16"]))
    assert all(rule.permits(address) for address in ("127.0.0.1", "::1", "10.1.255.255", "1.1.1.1"))
    assert not any(rule.permits(address) for address in ("127.0.0.2", "10.2.0.0", "::ffff:127.0.0.1", "::2"))


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254", "169.254.170.2", "fd00:ec2::254", "fd00:0ec2:0::0254", "fd00:ec2::23",
        "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd20:ce::254", "fe80::a9fe:a9fe",
        "::ffff:169.254.169.254", "::169.254.169.254", "64:ff9b::169.254.169.254",
        "64:ff9b:1::169.254.169.254", "2002:a9fe:a9fe::1", "2606:4700::5efe:a9fe:a9fe",
    ],
)  # fmt: skip
def test_what_tells_a_cloud_s_secrets_is_closed_even_where_everything_is_let_through(address):
    assert not AddressRule(Networks(["0.0.0.0/0", "::/0"])).permits(address)


@pytest.mark.parametrize(
    "address", ["", "localhost", "1.1.1", "0x7f.1", "fe80::1%eth0", "2606:4700::1%1", "1.1.1.1 "]
)
def test_what_is_no_plain_address_is_never_let_through(address):
    assert not AddressRule(Networks(["0.0.0.0/0", "::/0"])).permits(address)
