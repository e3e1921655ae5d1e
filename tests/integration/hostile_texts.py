"""What a stranger may write, or a broken client tell, to make the spool stop."""

from shared.contracts import told as words
from shared.session_state import Reason, SessionState
from tests.fleet_client import PEER, received, text

BODIES = {
    "nul": "\0",
    "nul inside": "a\0b",
    "escaped nul": "\\u0000 as six letters",
    "64 KB": "x" * 64 * 1024,
    "64 KB of emoji": "😀" * 16_000,
    "odd signs": "\u202e\ufeff\uffff",
    "sql": "'; --",
}

NUL = "nul\0nul"
TOLD = [
    text(NUL, NUL, chat=NUL, sender=NUL, chat_phone=NUL, sender_lid=NUL, push_name=NUL),
    text("long names", "i" * 5_000, chat="c" * 5_000, sender="s" * 5_000),
    text("from the far future", timestamp=2**62),
    text("from before time", timestamp=-(2**62)),
    words.ReceiptSeen(chat=NUL, sender=NUL, whatsapp_ids=(NUL,), kind="read", timestamp=2**62),
    words.ReceiptSeen(chat=PEER, sender=PEER, whatsapp_ids=("x",), kind="unheard of", timestamp=0),
    words.Undecryptable(whatsapp_id=NUL, chat=NUL, sender=NUL, timestamp=0),
    words.CallSeen(call_id=NUL, sender=NUL, state=NUL, timestamp=0),
    words.GroupChanged(group=NUL, author=NUL, timestamp=0, subject=NUL, description=NUL, added=(NUL,)),
    words.TypingSeen(chat=NUL, sender=NUL, state=NUL),
    words.PresenceSeen(sender=NUL, available=True, last_seen=2**62),
    words.LoggedInAs(device_jid=NUL, phone=NUL, lid=NUL, display_name=NUL),
    words.StateSeen(
        meaning=words.Meaning(SessionState.CONNECTED, Reason.LOGGED_IN, words.Then.GO_ON, detail=NUL)
    ),
    words.HistoryReceived(kind=NUL, progress=-1, messages=(received(NUL, NUL, sender=NUL),)),
]
