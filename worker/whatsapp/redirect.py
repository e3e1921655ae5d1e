"""Points the library at another WhatsApp network than the real one: only ever in an engine for the sandbox.

The library trusts one root key, which stands once in a writable part of its memory. Overwriting it there
leaves the installed file as it is and changes this process alone. Where the network is comes by HTTPS_PROXY,
and its certificate by SSL_CERT_FILE, both set before the process starts, because Go reads them then.
"""

import ctypes
from pathlib import Path

_REAL_ROOT_KEY = bytes.fromhex("142375574d0a587166aae71ebe516437c4a28b73e3695c6ce1f7f9545da8ee6b")


def trust(root_key: bytes) -> None:
    """Before the first connect. An engine that cannot be redirected must end: it would call WhatsApp."""
    if len(root_key) != len(_REAL_ROOT_KEY):
        raise ValueError("a root key has 32 bytes")
    for start, end in _writable_parts_of_the_library():
        position = ctypes.string_at(start, end - start).find(_REAL_ROOT_KEY)
        if position != -1:
            ctypes.memmove(start + position, root_key, len(root_key))
            return
    raise LookupError("the library keeps its root key somewhere else: this release of it is not known")


def _writable_parts_of_the_library() -> list[tuple[int, int]]:
    parts = []
    for line in Path("/proc/self/maps").read_text().splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and "neonize" in Path(fields[5]).name and fields[1].startswith("rw"):
            start, _, end = fields[0].partition("-")
            parts.append((int(start, 16), int(end, 16)))
    return parts
