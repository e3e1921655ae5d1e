"""The one door to the installed client library: its protobuf classes, and its file in memory.

Importing it loads the Go library into this process; no client of it is ever started here.
"""

import logging
import subprocess
import time
import warnings

_root = logging.getLogger()
_handlers, _level = list(_root.handlers), _root.level

with warnings.catch_warnings():
    # The library asks `uname` for its platform while it is imported and leaves pipe and process behind.
    warnings.simplefilter("ignore", ResourceWarning)
    # On a bare machine this brings the libmagic without which the import fails.
    import pylibmagic  # noqa: F401
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from neonize.proto.waAdv.WAAdv_pb2 import (
        ADVDeviceIdentity,
        ADVSignedDeviceIdentity,
        ADVSignedDeviceIdentityHMAC,
    )
    from neonize.proto.waCert.WACert_pb2 import CertChain
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message
    from neonize.proto.waWa6.WAWebProtobufsWa6_pb2 import (
        ClientPayload,
        HandshakeMessage,
    )

    while subprocess._active:  # type: ignore[attr-defined]  # noqa: SLF001
        time.sleep(0.001)
        subprocess._cleanup()  # type: ignore[attr-defined]  # noqa: SLF001

# It also sets up logging for the whole process, which is not its business.
_root.handlers[:] = _handlers
_root.setLevel(_level)

__all__ = [
    "ADVDeviceIdentity",
    "ADVSignedDeviceIdentity",
    "ADVSignedDeviceIdentityHMAC",
    "CertChain",
    "ClientPayload",
    "DecodeError",
    "HandshakeMessage",
    "Message",
]
