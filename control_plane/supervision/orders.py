"""What a worker is told to do: the difference between what it should run and what it says that it runs."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from control_plane.keyring import Keyring
from control_plane.sessions.models import Session, Wanted
from control_plane.sessions.service import PROXY_PURPOSE
from shared.contracts.fleet import SeenState, StartOrder, StopOrder
from shared.session_state import SessionState

# In these a session does not run, whatever is wanted: somebody has to act first.
ENDED = frozenset({SessionState.DISCONNECTED, SessionState.AUTH_FAILED, SessionState.LOGGED_OUT})


@dataclass(slots=True)
class Comparison:
    start: list[Session] = field(default_factory=list)
    stop: list[StopOrder] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    # They run, at the right epoch, in another state than is stored.
    different: list[tuple[Session, SeenState]] = field(default_factory=list)
    # They were to stop, and are gone.
    released: list[Session] = field(default_factory=list)


def compare(assigned: Sequence[Session], states: Sequence[SeenState], *, draining: bool) -> Comparison:
    found, seen = Comparison(), {state.id: state for state in states}
    ours = {str(session.id): session for session in assigned}
    for name, session in ours.items():
        state = seen.get(name)
        runs = state is not None and state.epoch == session.epoch
        if session.wanted != Wanted.RUN:
            if state is None:
                found.released.append(session)
            else:
                away = session.wanted == Wanted.LOG_OUT
                found.stop.append(StopOrder(session_id=name, epoch=state.epoch, log_out=away))
        elif not runs:
            # One that waits for its comeback gets a new epoch first.
            if not draining and session.start_after is None:
                found.start.append(session)
        elif session.moving_to is not None:
            found.stop.append(StopOrder(session_id=name, epoch=session.epoch, hand_over=True))
        elif state is not None and state.status != session.status:
            found.different.append((session, state))
    found.lost.extend(name for name in seen if name not in ours)
    return found


def start_order(session: Session, keyring: Keyring) -> StartOrder:
    proxy = None
    if session.sealed_proxy is not None:
        proxy = keyring.open(PROXY_PURPOSE, session.sealed_proxy, session.id.bytes).decode()
    return StartOrder(
        session_id=str(session.id),
        epoch=session.epoch,
        sandbox=session.sandbox,
        device_jid=session.device_jid,
        device_name=session.device_name,
        proxy=proxy,
        pairing_phone=session.pairing_phone if session.device_jid is None else None,
    )
