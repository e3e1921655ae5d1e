"""What the library's errors mean to us. It tells them apart by their words alone."""

import re

from worker.whatsapp.port import Gone, Limited, NotConnected, Refused, Silent, StoreAway, Uncertain

_DOWN = ("websocket not connected", "frame socket is closed", "client is nil", "doesn't contain a device JID")
# A question on the way to the real thing met no answer; the thing itself was not done.
_SILENT = ("info query timed out", "websocket disconnected before info query")
# The message had left by then, and was not acknowledged.
_UNACKNOWLEDGED = ("timed out waiting for message send", "websocket disconnected before message send")
_NOT_UPLOADED = re.compile(r"failed to execute request|status code 5\d\d")
# Too much at once; and an account that may write to nobody new for now.
_LIMITED = re.compile(r"server returned error (?:429|463)\b")
# The client's own store, asked before anything leaves.
_STORE_AWAY = re.compile(r"\bpq: |driver: bad connection|\bdial tcp\b|\bsql: |unexpected EOF")
_GONE = re.compile(r"status code (?:403|404|410)\b")
_OTHER_BYTES = re.compile(
    r"hash of media|invalid media|hmac|mismatch|doesn't match|too short|failed to decrypt"
)
_NO_NAME = "without PushName"
_NOBODY = "no LID found"
_UNKNOWN_POLL = "message secret key not found"

NOBODY = "nobody on WhatsApp has this number"
_SILENCE = "the WhatsApp network did not answer in time: try again in a moment"
ALTERED = "the file is not what its message promised: it was damaged or altered on its way"


def words_of(error: BaseException) -> str:
    """Some of the library's errors carry bytes."""
    given = error.args[0] if error.args else error
    return given.decode(errors="replace") if isinstance(given, bytes) else str(given)


def start_problem_of(error: BaseException) -> Exception:
    """Of a first connect; an address that it cannot read stands in its words with whatever is in it."""
    words = words_of(error)
    if words.startswith('parse "'):
        return Refused("the proxy's address is wrong")
    _, dialled, reason = words.partition('/ws/chat": ')
    return Refused(f"the WhatsApp network cannot be reached: {reason}" if dialled else words)


def refusal_of(error: BaseException) -> Exception:
    """Of calls that may be made again: that nobody answered is no reason to think that the client is down."""
    words = words_of(error)
    if _says(words, _DOWN):
        return NotConnected()
    if _says(words, _SILENT):
        return Silent(_SILENCE)
    if _NO_NAME in words:
        return Refused("the account has no name yet: set one on the phone, or try again in a minute")
    if _UNKNOWN_POLL in words:
        return Refused("the poll is not known here: it was made before this session was linked")
    return Refused(words)


def send_problem_of(error: BaseException) -> Exception:
    """What is not even on its way stays in the queue of those who wait for the connection."""
    words = words_of(error)
    # Bare, the words tell of a second try to hand over what had left before; the first tries say more.
    if words == _DOWN[0] or _says(words, _UNACKNOWLEDGED):
        return Uncertain("the WhatsApp network did not confirm the message: it may have been sent")
    if _says(words, _DOWN) or _says(words, _SILENT):
        return NotConnected()
    if words.startswith("failed to send message node"):
        return Uncertain("the connection broke while the message was handed over: it may have been sent")
    if _STORE_AWAY.search(words):
        return StoreAway(f"the credential store does not answer: {words}")
    if _LIMITED.search(words):
        return Limited(f"WhatsApp wants this account to send less for a while: {words}")
    return Refused(NOBODY if _NOBODY in words else words)


def nobody_has(problem: Refused) -> bool:
    return str(problem) == NOBODY


def upload_problem_of(error: BaseException) -> Exception:
    """Nothing was sent yet, and the same file may go through in a moment."""
    words = words_of(error)
    if _says(words, _DOWN) or _says(words, _SILENT) or _NOT_UPLOADED.search(words):
        return NotConnected()
    return Refused(words)


def download_problem_of(error: BaseException) -> Exception:
    words = words_of(error)
    if _GONE.search(words):
        return Gone("the WhatsApp network no longer has this file")
    return Refused(ALTERED) if _OTHER_BYTES.search(words) else refusal_of(error)


def log_out_problem_of(error: BaseException) -> Exception:
    """Whether the phone still lists the device shows at the next log-in."""
    if _says(words_of(error), _SILENT):
        return Uncertain("the WhatsApp network did not confirm the log-out: it may have happened")
    return refusal_of(error)


def _says(words: str, any_of: tuple[str, ...]) -> bool:
    return any(part in words for part in any_of)
