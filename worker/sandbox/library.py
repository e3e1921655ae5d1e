"""The one door to the installed client library: its protobuf classes, and its file in memory.

Importing it loads the Go library into this process; no client of it is ever started here.
"""

from worker.quiet_import import quiet_import

with quiet_import():
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from neonize.proto.waAdv.WAAdv_pb2 import (
        ADVDeviceIdentity,
        ADVSignedDeviceIdentity,
        ADVSignedDeviceIdentityHMAC,
    )
    from neonize.proto.waCert.WACert_pb2 import CertChain
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message, PollVoteMessage
    from neonize.proto.waHistorySync.WAWebProtobufsHistorySync_pb2 import HistorySync
    from neonize.proto.waServerSync.WAWebProtobufsServerSync_pb2 import SyncdMutation, SyncdPatch
    from neonize.proto.waSyncAction.WAWebProtobufSyncAction_pb2 import SyncActionData, SyncActionValue
    from neonize.proto.waWa6.WAWebProtobufsWa6_pb2 import (
        ClientPayload,
        HandshakeMessage,
    )

__all__ = [
    "ADVDeviceIdentity",
    "ADVSignedDeviceIdentity",
    "ADVSignedDeviceIdentityHMAC",
    "CertChain",
    "ClientPayload",
    "DecodeError",
    "HandshakeMessage",
    "HistorySync",
    "Message",
    "PollVoteMessage",
    "SyncActionData",
    "SyncActionValue",
    "SyncdMutation",
    "SyncdPatch",
]
