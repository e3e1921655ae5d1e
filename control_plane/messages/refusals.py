"""One table from the states of a session, and from what became of a wish, to the errors that callers get."""

from control_plane.errors import AppError, Code
from control_plane.messages.models import Message
from control_plane.sessions.models import Session
from shared.contracts.commands import CommandAnswer, Outcome
from shared.files.errors import MediaCode
from shared.session_state import SessionState

# In these a client comes back only when its owner connects it.
GONE = frozenset({SessionState.DISCONNECTED, SessionState.AUTH_FAILED, SessionState.LOGGED_OUT})


def check_connected(session: Session) -> None:
    if session.status in GONE:
        raise closed(session.status)
    if session.status != SessionState.CONNECTED:
        raise AppError(
            Code.SESSION_NOT_READY,
            f"The session is {session.status}. Try again in a moment.",
            headers={"Retry-After": "2"},
            extra={"sessionStatus": session.status},
        )


# What is sent now waits for a client that comes back by itself, and for no other.
CLOSED = GONE | {SessionState.QR_PENDING}


def closed(status: str) -> AppError:
    return AppError(
        Code.SESSION_NOT_CONNECTED,
        "Client not found. Please reconnect the session.",
        extra={"sessionStatus": status},
    )


def check_may_wait(session: Session) -> None:
    if session.status in CLOSED:
        raise closed(session.status)


def refuse(answer: CommandAnswer) -> None:
    """What is done, and what nobody can tell, is no refusal."""
    error = _refusal(answer)
    if error is not None:
        raise error


def refusal_of(message: Message, answer: CommandAnswer | None) -> AppError:
    """For the caller that waited for it; without an answer another process has sent it."""
    known = _refusal(answer) if answer is not None else None
    words = message.error or "no reason is known"
    return known or AppError(Code.MESSAGE_REFUSED, f"It was not sent: {words}")


def _refusal(answer: CommandAnswer) -> AppError | None:
    if answer.outcome is Outcome.NOT_CONNECTED:
        return AppError(Code.SESSION_NOT_CONNECTED, "Client session closed. Please reconnect the session.")
    if answer.outcome in {Outcome.NOT_HERE, Outcome.STORE_AWAY}:
        return AppError(
            Code.WORKER_UNREACHABLE,
            "The session's worker cannot do it at this moment; nothing was done. Try again in a moment.",
            headers={"Retry-After": "2"},
        )
    if answer.outcome is Outcome.REFUSED and answer.code:
        return _of_its_file(answer)
    if answer.outcome in {Outcome.REFUSED, Outcome.LIMITED}:
        return AppError(Code.MESSAGE_REFUSED, f"WhatsApp refused it: {answer.words[:300]}")
    return None


def _of_its_file(answer: CommandAnswer) -> AppError:
    if answer.code == MediaCode.STORAGE_UNAVAILABLE:
        return AppError(Code.STORAGE_UNAVAILABLE, answer.words[:300])
    errors = [{"pointer": "/media", "detail": answer.code}]
    return AppError(Code.FILE_REFUSED, answer.words[:300], errors=errors)
