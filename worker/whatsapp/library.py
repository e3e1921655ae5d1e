"""The client library as the engine uses it. Importing it loads the Go library into this process."""

from worker.quiet_import import quiet_import

with quiet_import():
    from neonize._binder import ProxySettings, consume_bytes_struct, gocode
    from neonize.aioze import client, events
    from neonize.exc import NeonizeError
    from neonize.proto.Neonize_pb2 import JID, HistorySync, MessageInfo, UndecryptableMessage
    from neonize.proto.Neonize_pb2 import Message as MessageEvent
    from neonize.proto.waCompanionReg.WAWebProtobufsCompanionReg_pb2 import DeviceProps
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message
    from neonize.utils.enum import (
        ChatPresence,
        ChatPresenceMedia,
        ClientType,
        MediaType,
        Presence,
        ReceiptType,
    )

# This release forgot to say for one of its calls how its answer is read, and fails to read it.
gocode.DecryptPollVote.errcheck = consume_bytes_struct

__all__ = [
    "JID",
    "ChatPresence",
    "ChatPresenceMedia",
    "ClientType",
    "DeviceProps",
    "HistorySync",
    "MediaType",
    "Message",
    "MessageEvent",
    "MessageInfo",
    "NeonizeError",
    "Presence",
    "ProxySettings",
    "ReceiptType",
    "UndecryptableMessage",
    "client",
    "events",
]
