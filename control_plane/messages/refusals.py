"""One table from the states of a session, and from what became of a wish, to the errors that callers get."""

from control_plane.errors import AppError, Code
from control_plane.sessions.models import Session
from shared.contracts.commands import CommandAnswer, Outcome
from shared.session_state import SessionState

# In these a client comes back only when its owner connects it.
GONE = frozenset({SessionState.DISCONNECTED, SessionState.AUTH_FAILED, SessionState.LOGGED_OUT})


def check_connected(session: Session) -> None:
    if session.status in GONE:
        raise AppError(
            Code.SESSION_NOT_CONNECTED,
            "Client not found. Please reconnect the session.",
            extra={"sessionStatus": session.status},
        )
    if session.status != SessionState.CONNECTED:
        raise AppError(
            Code.SESSION_NOT_READY,
            f"The session is {session.status}. Try again in a moment.",
            headers={"Retry-After": "2"},
            extra={"sessionStatus": session.status},
        )


def refuse(answer: CommandAnswer) -> None:
    """What is done, and what nobody can tell, is no refusal."""
    if answer.outcome is Outcome.NOT_CONNECTED:
        raise AppError(Code.SESSION_NOT_CONNECTED, "Client session closed. Please reconnect the session.")
    if answer.outcome is Outcome.NOT_HERE:
        raise AppError(
            Code.WORKER_UNREACHABLE,
            "The session is moving to another worker; nothing was sent. Try again in a moment.",
            headers={"Retry-After": "2"},
        )
    if answer.outcome is Outcome.REFUSED:
        raise AppError(Code.MESSAGE_REFUSED, f"WhatsApp refused it: {answer.words[:300]}")
