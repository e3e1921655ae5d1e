"""URLs of customers: what two readers could understand in two ways is refused before anybody is asked."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from control_plane.egress.gate import check_headers
from control_plane.egress.own_servers import Server, servers_in
from control_plane.egress.targets import LONGEST_URL, Target, read_url
from control_plane.egress.troubles import EgressError

PORTS = (range(80, 81), range(443, 444), range(1024, 65536))


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://example.com", Target("https", "example.com", False, 443, "/")),
        ("HTTP://Example.COM.:8080/A?b=c", Target("http", "example.com", False, 8080, "/A?b=c")),
        ("http://example.com?q", Target("http", "example.com", False, 80, "/?q")),
        ("http://1.2.3.4/", Target("http", "1.2.3.4", True, 80, "/")),
        ("https://[2606:4700:0::1]:8443/", Target("https", "2606:4700::1", True, 8443, "/")),
        ("https://my_files.example.com/", Target("https", "my_files.example.com", False, 443, "/")),
        (
            "https://bücher.example/ä?ö=€",
            Target("https", "xn--bcher-kva.example", False, 443, "/%C3%A4?%C3%B6=%E2%82%AC"),
        ),
        (
            "https://h.example/a%20b?x[]=1&y=a+b",
            Target("https", "h.example", False, 443, "/a%20b?x[]=1&y=a+b"),
        ),
        ("http://\u24c1ocalHost/", Target("http", "localhost", False, 80, "/")),
        ("http://\uff11\uff12\uff17.\uff10.\uff10.\uff11/", Target("http", "127.0.0.1", True, 80, "/")),
        ("http://127\u30020\u30020\u30021/", Target("http", "127.0.0.1", True, 80, "/")),
    ],
)
def test_a_good_url_is_read_into_its_parts(url, target):
    assert read_url(url, PORTS) == target


def test_a_name_that_only_looks_like_localhost_is_a_name_like_any_other():
    target = read_url("http://l\N{CYRILLIC SMALL LETTER O}calhost/", PORTS)
    assert target.host.startswith("xn--")
    assert not target.is_this_machine


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com", "//example.com", "ftp://example.com/", "file:///etc/passwd",
        "gopher://example.com/", "javascript:alert(1)", "http:example.com", "http:///path", "http://",
        "http://:80/", "https:///example.com", "http://user@example.com/",
        "http://user:password@example.com/", "http://example.com@127.0.0.1/",
        "http://example.com:80@127.0.0.1/", "http://@example.com/", "http://example.com#@127.0.0.1/",
        "http://example.com/#x", "http://example.com/\\x", "http://example.com\\@127.0.0.1/", "http://127.0.0.1\\.example.com/",
        "http://2130706433/", "http://0x7f000001/", "http://0x7f.1/", "http://127.1/", "http://0177.0.0.1/",
        "http://127.0.0.01/", "http://127.0.0.1./", "http://0x7f.0x0.0x0.0x1/", "http://1.2.3.4.5/",
        "http://0/", "http://256.0.0.1/", "http://example.0x1/", "http://0x/", "http://[::1%eth0]/",
        "http://[fe80::1%25eth0]/", "http://[::1/", "http://::1/", "http://[1.2.3.4]/", "http://[v1.x]/",
        "http://[::1]x/", "http://%31%32%37.0.0.1/", "http://exa mple.com/", "http://example.com/a b",
        "http://example.com/\r\nHost: inside", "http://example.com/\x00", "http://example.com\r\n/",
        "http://example.com/\t", " http://example.com/", "http://example.com/\u2028",
        "http://example.com/\u202e", "http://example.com/\ud800", "http://example.com:/",
        "http://example.com:0/", "http://example.com:65536/", "http://example.com:99999999/",
        "http://example.com:-1/", "http://example.com:\uff18\uff10/", "http://example.com:80:80/",
        "http://example.com:22/", "http://example.com:25/", "http://example..com/", "http://.example.com/",
        "http://example.com../", "http://-example.com/", "http://exa$mple.com/",
        "http://" + "a" * 64 + ".com/", "http://" + "a." * 127 + "com/", "http://xn--a/", "http://xn--/",
        "http://xn--localhost-/", "http://ex\u00adample\u0000.com/", "https://a.com/" + "a" * LONGEST_URL,
    ],
)  # fmt: skip
def test_a_url_that_could_be_read_in_two_ways_is_refused(url):
    with pytest.raises(EgressError) as caught:
        read_url(url, PORTS)
    assert caught.value.code == "url_invalid"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://user:open-sesame@example.com/", "no user name"),
        ("ftp://example.com/", "https://"),
        ("https://127.1/", "four numbers"),
        ("https://example.com:22/", "Port 22"),
        ("https://example.com/a b", "Percent-encode"),
    ],
)
def test_the_refusal_says_what_to_do_and_repeats_no_password(url, told):
    with pytest.raises(EgressError) as caught:
        read_url(url, PORTS)
    assert told in caught.value.detail
    assert "open-sesame" not in str(caught.value)


@given(st.text(max_size=60) | st.from_regex(r"https?://[^/]{0,40}(/.{0,20})?"))
@example("http://[::ffff:127.0.0.1]:80/")
def test_any_text_is_read_or_refused_and_what_is_read_is_plain(text):
    try:
        target = read_url(text, PORTS)
    except EgressError:
        return
    there = target.at("1.2.3.4")
    assert (there.host, there.port, there.raw_path_qs) == ("1.2.3.4", target.port, target.path)
    assert f"{there}{target.host_header}".isascii()
    assert not set(f"{there}{target.host_header}") & set(" \r\n\t\\#")
    assert read_url(f"{target.scheme}://{target.host_header}{target.path}", PORTS) == target


def test_the_host_is_named_with_its_port_only_where_it_is_unusual():
    assert read_url("http://example.com:80/", PORTS).host_header == "example.com"
    assert read_url("https://example.com:8443/", PORTS).host_header == "example.com:8443"
    assert read_url("http://[2606:4700::1]:8080/", PORTS).host_header == "[2606:4700::1]:8080"


@pytest.mark.parametrize(
    "name", ["localhost", "localhost.", "LOCALHOST", "a.localhost", "\uff4cocalhost", "x.localhost."]
)
def test_names_of_this_machine_are_known_without_a_name_server(name):
    assert read_url(f"http://{name}/", PORTS).is_this_machine


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Host", "inside"), ("content-length", "5"), ("Transfer-Encoding", "chunked"),
        ("Connection", "close"), ("X", "a\r\nHost: inside"), ("X\r\nHost", "inside"), ("X y", "1"),
        ("", "1"), ("X", "\x00"), ("X", "ä"), ("X:", "1"), ("X", "a" * 5000), ("Cookie", "a=b"),
        ("Transfer_Encoding", "chunked"), ("Content_Length", "0"), ("TE", "trailers"), ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AAMAAABk"), ("Expect", "100-continue"), ("Trailer", "Host"), ("Keep-Alive", "1"),
        ("Proxy-Connection", "close"), ("Transfer-Encoding ", "chunked"), (" Host", "a"), ("X", "a\nHost: b"),
        ("X", "a\rHost: b"), ("X", "a\x0bb"), ("X", "a\u010a"), ("X", "\ud800"), ("\u212aey", "1"),
    ],
)  # fmt: skip
def test_headers_that_would_change_the_request_are_refused(name, value):
    with pytest.raises(EgressError) as caught:
        check_headers({name: value})
    assert caught.value.code == "header_invalid"


def test_headers_of_the_customer_s_own_are_fine():
    check_headers({"X-Waypost-Shop": "12", "Authorization": "Bearer abc", "content-type": "application/json"})


@pytest.mark.parametrize(
    ("url", "servers"),
    [
        ("postgresql://u:p@db.example.com/waypost", [("db.example.com", 5432)]),
        ("postgresql://u:p%40@one:5433,two/waypost", [("one", 5433), ("two", 5432)]),
        ("postgresql://u@/waypost?host=/var/run/postgresql", []),
        ("postgresql:///waypost?host=db.example.com&port=6000", [("db.example.com", 6000)]),
        ("rediss://:secret@[2606:4700::1]/0", [("2606:4700::1", 6379)]),
        ("unix:///run/valkey.sock", []),
    ],
)
def test_our_own_servers_are_found_in_their_urls(url, servers):
    assert servers_in(url) == [Server(*server) for server in servers]
