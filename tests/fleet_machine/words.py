"""What the clients of simulated workers see, as the real ones say it."""

from shared.contracts.messages import ReceivedMessage, Text
from shared.contracts.told import Meaning, MessageReceived, Paired, Then
from shared.session_state import Reason, SessionState

_S, _R = SessionState, Reason
PEER = "4915112345678@s.whatsapp.net"
ENDS = (
    Meaning(_S.LOGGED_OUT, _R.LOGGED_OUT_BY_PHONE, Then.FORGET),
    Meaning(_S.AUTH_FAILED, _R.BANNED, Then.STOP),
    Meaning(_S.DISCONNECTED, _R.REPLACED, Then.STOP),
    Meaning(_S.DISCONNECTED, _R.QR_EXPIRED, Then.STOP),
)
GOES_ON = (
    Meaning(_S.CONNECTED, _R.LOGGED_IN, Then.GO_ON),
    Meaning(_S.RECONNECTING, _R.CONNECTION_LOST, Then.GO_ON),
)


def paired(device: str) -> Paired:
    return Paired(device_jid=device, business_name="", platform="android")


def message(name: str) -> MessageReceived:
    return MessageReceived(
        message=ReceivedMessage(
            whatsapp_id=name, chat=PEER, sender=PEER, timestamp=1_760_000_000, content=Text(text="hello")
        )
    )
