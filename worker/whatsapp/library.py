"""The client library as the engine uses it. Importing it loads the Go library into this process."""

from worker.quiet_import import quiet_import

with quiet_import():
    from neonize.aioze import client, events
    from neonize.proto.Neonize_pb2 import JID
    from neonize.proto.waCompanionReg.WAWebProtobufsCompanionReg_pb2 import DeviceProps
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message

__all__ = ["JID", "DeviceProps", "Message", "client", "events"]
