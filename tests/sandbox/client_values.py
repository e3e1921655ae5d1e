"""The other end of client_arguments: from the pipe to what the library takes, and back."""

from typing import Any

from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]
from neonize.proto import Neonize_pb2
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message
from neonize.utils import enum
from neonize.utils.jid import build_jid


def given(value: Any) -> Any:
    if isinstance(value, list):
        return [given(item) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    match kind:
        case "jid":
            user, _, server = inner.partition("@")
            return build_jid(user, server)
        case "enum":
            return getattr(getattr(enum, inner[0]), inner[1])
        case "data":
            return bytes.fromhex(inner)
        case "proto":
            # Its own message of that name is the event around a message.
            kinds = {"Message": Message, "MessageEvent": Neonize_pb2.Message}
            cls = kinds.get(inner[0]) or getattr(Neonize_pb2, inner[0])
            return cls.FromString(bytes.fromhex(inner[1]))
    raise ValueError(f"no such kind of argument: {kind}")


def told(value: Any) -> Any:
    """Protobufs as dictionaries with the names that the library gives their fields."""
    if hasattr(value, "DESCRIPTOR"):
        return {
            **MessageToDict(value, preserving_proto_field_name=True),
            "raw": value.SerializeToString().hex(),
        }
    if isinstance(value, bytes):
        return value.hex()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return [told(item) for item in value]
