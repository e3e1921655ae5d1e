"""What virtual phones are asked to do."""

from typing import Annotated

import msgspec

from control_plane.accounts.schemas import Body
from control_plane.messages.chat_ids import PHONE

Phone = Annotated[str, msgspec.Meta(pattern=f"^{PHONE}$")]
NetworkCode = Annotated[int, msgspec.Meta(ge=1, le=9999)]


class ScanBody(Body):
    phone: Phone | None = None


class ReceiptsBody(Body):
    """`messageId` as we or as WhatsApp names it; `from` where it is not the one that we wrote it to."""

    message_id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    reader: Phone | None = msgspec.field(default=None, name="from")
    type: Annotated[str, msgspec.Meta(pattern="^(read|played)$")] = "read"


class Fault(Body, tag_field="kind"):
    """Each of them is one kind of trouble that the real network makes."""


class DisconnectFault(Fault, tag="disconnect"):
    """The connection ends without a word."""


class ReplacedFault(Fault, tag="replaced"):
    """As if the same device had logged in elsewhere."""


class LoggedOutFault(Fault, tag="logged_out"):
    """The phone removes the device, for good."""


class BannedFault(Fault, tag="banned"):
    """`seconds` is what the client is told; the ban itself lasts until it is healed."""

    code: NetworkCode = 101
    seconds: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] = 3600


class OutdatedFault(Fault, tag="outdated"):
    """The client's version is no longer accepted; without a device yet, in the midst of the pairing."""


class DeafFault(Fault, tag="deaf"):
    """The connection stands, but nothing is heard and nothing answered."""


class SlowFault(Fault, tag="slow"):
    """Everything that the network sends takes `delay` seconds."""

    delay: Annotated[float, msgspec.Meta(gt=0, le=600)]


class DropAckFault(Fault, tag="drop_ack"):
    """Messages are passed on, but the sender never learns."""


class LimitedFault(Fault, tag="limited"):
    """Whatever is sent is refused: the network wants less from this account for a while."""

    code: NetworkCode = 429


class StreamErrorFault(Fault, tag="stream_error"):
    code: NetworkCode = 503


class FailureFault(Fault, tag="failure"):
    """Of the moment; the next log-in is welcome."""

    code: NetworkCode = 503


class PasskeyFault(Fault, tag="passkey"):
    """The pairing goes no further than the scan: a passkey is asked for."""


class ForgedFault(Fault, tag="forged"):
    """What vouches for the new device is signed for another one."""


PairingFault = PasskeyFault | ForgedFault
AnyFault = (
    DisconnectFault
    | ReplacedFault
    | LoggedOutFault
    | BannedFault
    | OutdatedFault
    | DeafFault
    | SlowFault
    | DropAckFault
    | LimitedFault
    | StreamErrorFault
    | FailureFault
    | PairingFault
)
KINDS = tuple(str(fault.__struct_config__.tag) for fault in AnyFault.__args__)
