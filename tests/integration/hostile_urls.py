"""URLs that reach into a network, by every way we know; names lead where NAMES says."""

from typing import NamedTuple

NAMES = {
    "loopback.evil.example.": ["127.0.0.2"],
    "private.evil.example.": ["10.0.0.5"],
    "metadata.google.internal.": ["169.254.169.254"],
    "v6.evil.example.": ["::1"],
    "ula.evil.example.": ["fd00:ec2::254"],
    "mapped.evil.example.": ["::ffff:127.0.0.2"],
    "nat64.evil.example.": ["64:ff9b::10.0.0.5"],
    "mixed.evil.example.": ["93.184.215.14", "127.0.0.2"],
    "mixed6.evil.example.": ["93.184.215.14", "::1"],
    "any.evil.example.": ["0.0.0.0"],  # noqa: S104
    "127.0.0.1.nip.example.": ["127.0.0.1"],
    "0x7f000001.nip.example.": ["127.0.0.1"],
    "redis.": ["172.18.0.3"],
    "xn--l-1ga.evil.example.": ["192.168.1.1"],
    "database.example.": ["93.184.215.14"],  # public, and our own
}


class Hostile(NamedTuple):
    url: str
    code: str


_FORBIDDEN = (
    # IPv4: this network, private, carriers', loopback, link-local and metadata
    "http://0.0.0.0/", "http://0.1.2.3/", "http://10.0.0.1/", "http://10.255.255.255/",
    "http://100.64.0.1/", "http://100.100.100.200/latest/meta-data/", "http://127.0.0.1/",
    "http://127.0.0.2:{port}/", "http://127.255.255.254/", "http://168.63.129.16/machine?comp=goalstate",
    "http://169.254.169.254/latest/meta-data/", "http://169.254.170.2/v2/credentials",
    "http://172.16.0.1/", "http://172.31.255.255/", "http://192.168.0.1/",
    # IPv4: protocols, documentation, benchmarks, anycast, multicast, reserved, broadcast
    "http://192.0.0.1/", "http://192.0.0.192/opc/v2/", "http://192.0.2.1/", "http://192.31.196.1/",
    "http://192.52.193.1/", "http://192.88.99.1/", "http://192.175.48.1/", "http://198.18.0.1/",
    "http://198.19.255.255/", "http://198.51.100.1/", "http://203.0.113.1/", "http://224.0.0.1/",
    "http://239.255.255.250:1900/", "http://240.0.0.1/", "http://255.255.255.255/",
    # IPv6
    "http://[::]/", "http://[::1]:{port}/", "http://[0:0:0:0:0:0:0:1]/", "http://[100::1]/",
    "http://[100:0:0:1::1]/", "http://[2001:2::1]/", "http://[2001:10::1]/", "http://[2001:20::1]/",
    "http://[2001:db8::1]/", "http://[2620:4f:8000::1]/", "http://[3fff::1]/", "http://[5f00::1]/",
    "http://[fc00::1]/", "http://[fd00:ec2::254]/latest/meta-data/", "http://[fd20:ce::254]/",
    "http://[fe80::1]/", "http://[fec0::1]/", "http://[ff02::1]/", "http://[4000::1]/",
    # an address in another one
    "http://[::ffff:127.0.0.2]:{port}/", "http://[::ffff:7f00:2]:{port}/", "http://[::FFFF:a9fe:a9fe]/",
    "http://[::ffff:93.184.215.14]/", "http://[::127.0.0.2]:{port}/", "http://[::ffff:0:127.0.0.1]/",
    "http://[64:ff9b::127.0.0.2]:{port}/", "http://[64:ff9b::a9fe:a9fe]/",
    "http://[64:ff9b::93.184.215.14]/",
    "http://[64:ff9b:1::10.0.0.1]/", "http://[2002:7f00:2::1]:{port}/", "http://[2002:a9fe:a9fe::]/",
    "http://[2001:0:a00:1::f7f7:f7f7]/", "http://[2001:0:808:808::80ff:fffd]/",
    "http://[2606:4700::5efe:7f00:2]:{port}/", "http://[2606:4700::200:5efe:10.0.0.1]/",
    # names, and digits and dots that are others' only until they are read
    "http://localhost:{port}/", "http://LOCALHOST./", "http://a.b.localhost:{port}/",
    "http://\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54/", "http://\u24db\u24de\u24d2alhost/",
    "http://\uff11\uff12\uff17.0.0.2:{port}/", "http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2461:{port}/",
    "http://127\u30020\u30020\uff0e2:{port}/", "http://\u00b9\u2070.0.0.1/",
    "http://loopback.evil.example:{port}/", "http://Loopback.EVIL.example.:{port}/", "http://private.evil.example/",
    "http://metadata.google.internal/computeMetadata/v1/", "http://v6.evil.example:{port}/",
    "http://ula.evil.example/", "http://mapped.evil.example:{port}/", "http://nat64.evil.example/",
    "http://mixed.evil.example:{port}/", "http://mixed6.evil.example:{port}/", "http://any.evil.example:{port}/",
    "http://127.0.0.1.nip.example:{port}/", "http://0x7f000001.nip.example:{port}/", "http://redis:6379/",
    "http://l\u00f6.evil.example/",
    # our own database, though it stands at a public address
    "http://93.184.215.14:5432/", "https://database.example/",
)  # fmt: skip

_UNREADABLE = (
    # one number, other bases, short forms, dots too many
    "http://2130706434:{port}/", "http://017700000002/", "http://0x7f000002:{port}/", "http://0x7f.0x0.0x0.0x2/",
    "http://0177.0.0.2:{port}/", "http://127.2:{port}/", "http://127.0.2/", "http://0/", "http://127.0.0.2.:{port}/",
    "http://127.0.0.2..:{port}/", "http://127.0.0.02/", "http://0127.0.0.1/", "http://425.510.425.510/",
    "http://2852039166/", "http://[::ffff:0x7f.0.0.2]/", "http://[0177.0.0.2]/", "http://1.2.3.4.127.0.0.1/",
    # percent-encoded hosts, zones, brackets
    "http://%31%32%37.0.0.2:{port}/", "http://127.0.0.2%2f@example.com/", "http://loc%61lhost/", "http://%00/",
    "http://[fe80::1%25lo]/", "http://[::1%lo]:{port}/", "http://[::1]evil.example/", "http://[[::1]]/",
    "http://[127.0.0.2]:{port}/", "http://::1:{port}/", "http://[::1/", "http://[v7.x]/",
    # who is the host here?
    "http://example.com@127.0.0.2:{port}/", "http://user:pass@127.0.0.2:{port}/",
    "http://127.0.0.2:{port}\\@example.com/", "http://example.com\\.127.0.0.2/",
    "http:\\\\127.0.0.2:{port}\\",
    "http://127.0.0.2:{port}#@example.com/", "http://example.com#@127.0.0.2/", "http:/127.0.0.2:{port}/",
    "http:127.0.0.2", "http:///127.0.0.2/", "//127.0.0.2:{port}/", "http://127.0.0.2:{port}:80/",
    # what some readers drop, and others do not
    "http://127.0.0.2\t:{port}/", "ht\ntp://127.0.0.2/", "http://127.0.0.2\r\nHost: a/", "\x00http://127.0.0.2/",
    " http://127.0.0.2/", "http://127.0.\u200b0.2/ ", "http://127.0.0.2\u3000/", "http://exam\u202eple.com/",
    # characters that become others
    "http://127.0.0.2\uff0fexample.com/", "http://evil.example\uff03.a/", "http://evil.example\uff1a{port}/",
    "http://\u2100.example/", "http://evil.example\uff20127.0.0.2/", "http://xn--127-.0.0.2/", "http://xn--\uff0f/",
    # schemes and ports
    "file:///etc/passwd", "gopher://127.0.0.2:{port}/_INFO", "ftp://127.0.0.2/", "dict://127.0.0.2:6379/info",
    "ldap://127.0.0.2/", "jar:http://127.0.0.2!/", "data:text/plain,a", "ws://127.0.0.2:{port}/", "unix:///run/a.sock",
    "http+unix://%2Frun%2Fa.sock/", "javascript:alert(1)", "https://example.com:0/", "https://example.com:65536/",
    "https://example.com:22/", "https://example.com:25/", "https://example.com:+443/", "https://example.com:\uff14\uff14\uff13/",
)  # fmt: skip

HOSTILE = [
    *(Hostile(url, "url_forbidden") for url in _FORBIDDEN),
    *(Hostile(url, "url_invalid") for url in _UNREADABLE),
    Hostile("https://nobody.evil.example/", "url_unresolvable"),
    Hostile("https://l\u043ecalhost/", "url_unresolvable"),  # a Cyrillic letter: no name of this machine
]
