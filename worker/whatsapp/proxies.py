"""One session's way into the network: its own proxy, the engine's, or none; tried before it is taken.

A connect of the library holds up every other client of its engine for as long as nobody answers it. Whether
anybody does is found out here first, where it holds up nobody.
"""

import asyncio
import base64
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import SplitResult, unquote, urlsplit

from worker.whatsapp.port import Proxy, Refused

_NETWORK = ("web.whatsapp.com", 443)
_PATIENCE = 10.0
_PORTS = {"http": 80, "https": 443, "socks5": 1080}
_ALLOWED = (
    "write it as http://host:port or socks5://host:port, with name:password@ before the host if need be"
)


@dataclass(frozen=True, slots=True)
class Way:
    """`parts` is None for the open road; `target` is where the first proxy has to lead."""

    parts: SplitResult | None
    target: tuple[str, int] = _NETWORK

    @classmethod
    def through(cls, proxy: Proxy | None, environment: Mapping[str, str] = os.environ) -> Self:
        """ValueError for an address that the library would not take, and never with the address in it."""
        # The library reads the engine's own proxy from there as well.
        given = environment.get("HTTPS_PROXY") or environment.get("https_proxy") or ""
        if given and "://" not in given:
            given = f"http://{given}"
        engines = _parts(given) if given else None
        if proxy is None:
            return cls(engines)
        own = _parts(proxy.url)
        # Behind a session's SOCKS the library goes through the engine's proxy as well; any other replaces it.
        if own.scheme == "socks5" and engines is not None:
            return cls(own, _address(engines))
        return cls(own)

    async def probe(self) -> None:
        """Refused, in plain words, when it does not lead to the network."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._walk()
        except TimeoutError:
            raise Refused(f"{self._name} does not answer") from None
        except (OSError, ssl.SSLError, asyncio.IncompleteReadError) as error:
            raise Refused(f"{self._name} cannot be reached: {_reason(error)}") from None

    @property
    def _name(self) -> str:
        return "the proxy" if self.parts is not None else "the WhatsApp network"

    async def _walk(self) -> None:
        parts = self.parts
        host, port = _address(parts) if parts is not None else self.target
        secure = ssl.create_default_context() if parts is not None and parts.scheme == "https" else None
        reader, writer = await asyncio.open_connection(host, port, ssl=secure)
        try:
            if parts is not None:
                greet = _socks if parts.scheme == "socks5" else _http
                await greet(parts, self.target, reader, writer)
        finally:
            writer.close()


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(f"the proxy's address is wrong: {_ALLOWED}") from None
    if parts.scheme not in _PORTS:
        raise ValueError(f"this kind of proxy is not known: {_ALLOWED}")
    if not parts.hostname or port == 0 or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError(f"the proxy's address is not whole, or too long: {_ALLOWED}")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("the proxy's address has characters that must be written as %XX")
    return parts


def _address(parts: SplitResult) -> tuple[str, int]:
    return parts.hostname or "", parts.port or _PORTS[parts.scheme]


async def _http(
    parts: SplitResult, target: tuple[str, int], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    place = f"{target[0]}:{target[1]}"
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
    if parts.username is not None:
        given = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(given.encode()).decode()}")
    writer.write("\r\n".join([*lines, "", ""]).encode())
    line = await reader.readline()
    if not line:
        raise ConnectionResetError
    answer = line.split(maxsplit=2)
    status = answer[1] if len(answer) > 1 and answer[0].startswith(b"HTTP/") else b""
    if status == b"407":
        raise Refused("the proxy does not accept its name and password")
    if status != b"200":
        words = status.decode(errors="replace") or "nothing that is HTTP"
        raise Refused(f"the proxy does not lead to the WhatsApp network: it answered {words}")


async def _socks(
    parts: SplitResult, target: tuple[str, int], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """SOCKS 5 with the methods that the library knows: none, or a name and a password."""
    named = parts.username is not None
    writer.write(bytes([5, 2, 0, 2]) if named else bytes([5, 1, 0]))
    version, method = await reader.readexactly(2)
    if version != 5:
        raise Refused("the proxy is none for SOCKS 5")
    if method == 2 and named:
        name, password = (unquote(part or "").encode() for part in (parts.username, parts.password))
        writer.write(bytes([1, len(name)]) + name + bytes([len(password)]) + password)
        _, status = await reader.readexactly(2)
        if status:
            raise Refused("the proxy does not accept its name and password")
    elif method != 0:
        raise Refused("the proxy does not accept its name and password")
    host = target[0].encode()
    writer.write(bytes([5, 1, 0, 3, len(host)]) + host + target[1].to_bytes(2, "big"))
    _, status = await reader.readexactly(2)
    if status:
        raise Refused(f"the proxy does not lead to the WhatsApp network: it answered {status}")


def _reason(error: Exception) -> str:
    """Without the address, which may be a secret of its own."""
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"
    if isinstance(error, asyncio.IncompleteReadError | ConnectionError):
        return "it hung up"
    if isinstance(error, ssl.SSLError):
        return "its certificate is not trusted"
    return error.strerror or "its name is not known" if isinstance(error, OSError) else "it fails"
