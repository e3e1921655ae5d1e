"""The client library, loaded in the one way that works everywhere. Nothing else imports it first.

At its import it looks for libmagic, which a bare machine does not have; a wheel brings a copy, and teaches
the loader where it is, when it is imported before. It also starts a few programs to learn about the machine
and does not wait for them: their warnings are silenced here and nowhere else.
"""

import warnings

# isort: off
import pylibmagic  # noqa: F401

with warnings.catch_warnings():
    warnings.simplefilter("ignore", ResourceWarning)
    from neonize.aioze import client, events
    from neonize.proto.Neonize_pb2 import JID
    from neonize.proto.waCompanionReg.WAWebProtobufsCompanionReg_pb2 import DeviceProps
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message

__all__ = ["JID", "DeviceProps", "Message", "client", "events"]
