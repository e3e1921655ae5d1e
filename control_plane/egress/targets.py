"""A URL that a customer wrote, read strictly: what two readers could understand in two ways is refused."""

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import NoReturn
from urllib.parse import quote

import idna
from yarl import URL

from control_plane.egress.troubles import EgressError, Trouble

LONGEST_URL = 4096

_URL = re.compile(r"(https?)://([^/?]*)([/?].*)?", re.IGNORECASE)
_AUTHORITY = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([^:\[\]@%]{1,254}))(?::([0-9]{1,5}))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
# Such a host is an IPv4 address for some readers, and only one way to write it is the same for all.
_ENDS_IN_NUMBER = re.compile(r"(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)\.?$")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_KEPT_IN_PATHS = "!$%&'()*+,-./:;=?@[]_~"


@dataclass(frozen=True, slots=True)
class Target:
    scheme: str
    # ASCII, lower case, without a dot at its end.
    host: str
    is_address: bool
    port: int
    path: str

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def certificate_name(self) -> str | None:
        return self.host if self.scheme == "https" else None

    @property
    def is_this_machine(self) -> bool:
        """Such names never leave a machine (RFC 6761), whatever a name server says about them."""
        return self.host == "localhost" or self.host.endswith(".localhost")

    def at(self, address: str) -> URL:
        """The same request, to exactly this address."""
        host = f"[{address}]" if ":" in address else address
        return URL(f"{self.scheme}://{host}:{self.port}{self.path}", encoded=True)


def read_url(url: str, ports: tuple[range, ...]) -> Target:
    # Looked at before it is remembered: what is kept stays small.
    if len(url) > LONGEST_URL:
        _refuse(f"The URL is too long: at most {LONGEST_URL} characters.")
    return _read(url, ports)


@lru_cache(1024)
def _read(url: str, ports: tuple[range, ...]) -> Target:
    if not url.isprintable() or " " in url or "\\" in url:
        _refuse("The URL holds a space, a backslash or an invisible character. Percent-encode them.")
    if "#" in url:
        _refuse("The URL holds a #. Leave it out with what follows: servers never see it.")
    parts = _URL.fullmatch(url)
    if parts is None:
        _refuse("The URL must begin with https:// or http:// and a host.")
    scheme, authority, path = parts[1].lower(), parts[2], parts[3] or "/"
    if "@" in authority:
        _refuse("The URL must hold no user name and no password.")
    pieces = _AUTHORITY.fullmatch(authority)
    if pieces is None:
        _refuse("The host of the URL cannot be read.")
    host, is_address = _address_v6(pieces[1]) if pieces[1] else _host(pieces[2])
    return Target(scheme, host, is_address, _port(scheme, pieces[3], ports), _path(path))


def _path(path: str) -> str:
    rooted = path if path.startswith("/") else f"/{path}"
    return quote(rooted, safe=_KEPT_IN_PATHS)


def _port(scheme: str, written: str | None, ports: tuple[range, ...]) -> int:
    port = int(written) if written else _DEFAULT_PORTS[scheme]
    if not 1 <= port <= 65535:
        _refuse("The port of the URL must be from 1 to 65535.")
    if not any(port in allowed for allowed in ports):
        _refuse(f"Port {port} is not allowed here. Use the usual one, 443.")
    return port


def _address_v6(written: str) -> tuple[str, bool]:
    try:
        return str(IPv6Address(written)), True
    except ValueError:
        _refuse("The IPv6 address of the URL cannot be read.")


def _host(written: str) -> tuple[str, bool]:
    host = written.lower() if written.isascii() else _in_ascii(written)
    if _ENDS_IN_NUMBER.search(host):
        try:
            return str(IPv4Address(host)), True
        except ValueError:
            _refuse("An IPv4 address is written as four numbers with dots, like 198.51.100.7.")
    name = host.removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        _refuse("The host of the URL is no valid name.")
    for label in labels:
        if label.startswith("xn--"):
            _in_ascii(label)
    return name, False


def _in_ascii(name: str) -> str:
    try:
        return idna.encode(name, uts46=True, std3_rules=True).decode()
    except UnicodeError:  # idna's own errors are of this kind
        _refuse("The host of the URL is no valid international name.")


def _refuse(detail: str) -> NoReturn:
    raise EgressError(Trouble.INVALID, detail)
