"""The one door to the installed client library: its protobuf classes, and its file in memory.

Importing it loads the Go library into this process; no client of it is ever started here.
"""

import warnings

with warnings.catch_warnings():
    # The library asks `uname` for its platform while it is imported and leaves the pipe open.
    warnings.simplefilter("ignore", ResourceWarning)
    # On a bare machine this brings the libmagic without which the import fails.
    import pylibmagic  # type: ignore[import-untyped]  # noqa: F401, I001
    from neonize.proto.waAdv.WAAdv_pb2 import (  # type: ignore[import-untyped]
        ADVDeviceIdentity,
        ADVSignedDeviceIdentity,
        ADVSignedDeviceIdentityHMAC,
    )
    from neonize.proto.waCert.WACert_pb2 import CertChain  # type: ignore[import-untyped]
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message  # type: ignore[import-untyped]
    from neonize.proto.waWa6.WAWebProtobufsWa6_pb2 import (  # type: ignore[import-untyped]
        ClientPayload,
        HandshakeMessage,
    )

__all__ = [
    "ADVDeviceIdentity",
    "ADVSignedDeviceIdentity",
    "ADVSignedDeviceIdentityHMAC",
    "CertChain",
    "ClientPayload",
    "HandshakeMessage",
    "Message",
]
