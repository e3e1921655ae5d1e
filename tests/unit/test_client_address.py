"""Whose address counts: never one that a client made up."""

import pytest

from control_plane.http.request_context import client_address
from control_plane.settings import Networks

PROXIES = Networks(["10.0.0.0/8"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "expected"),
    [
        ("203.0.113.9", "1.2.3.4", PROXIES, "203.0.113.9"),
        ("10.0.0.1", "1.2.3.4", PROXIES, "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.7", PROXIES, "1.2.3.4"),
        ("10.0.0.1", "junk, 1.2.3.4", PROXIES, "1.2.3.4"),
        ("10.0.0.1", "1.2.3.4, junk", PROXIES, "10.0.0.1"),
        ("10.0.0.1", "", PROXIES, "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4", Networks(), "10.0.0.1"),
        ("10.0.0.1", "2001:db8::1", PROXIES, "2001:db8::1"),
    ],
)
def test_the_nearest_address_that_is_not_ours_counts(peer, forwarded, trusted, expected):
    headers = {b"x-forwarded-for": forwarded.encode()}
    assert client_address({"client": (peer, 1)}, headers, trusted) == expected
