"""What a worker is told to do: what it should run, held against what it says that it runs."""

from typing import Any

from control_plane.sessions.models import Session, Wanted
from control_plane.supervision.orders import compare
from shared.contracts.fleet import SeenState, StopOrder
from shared.ids import new_uuid
from shared.session_state import SessionState


def session(**changes: Any) -> Session:
    fields: dict[str, Any] = {
        "id": new_uuid(),
        "epoch": 3,
        "wanted": Wanted.RUN,
        "status": SessionState.CONNECTED,
    }
    return Session(**(fields | changes))


def seen(of: Session, epoch: int = 3, status: SessionState = SessionState.CONNECTED) -> SeenState:
    return SeenState(id=str(of.id), epoch=epoch, status=status)


def test_what_runs_as_it_should_gets_no_order():
    one = session()
    found = compare([one], [seen(one)], draining=False)
    assert (found.start, found.stop, found.lost, found.different, found.released) == ([], [], [], [], [])


def test_what_is_missing_or_runs_at_another_epoch_is_started():
    missing, stale = session(), session()
    assert compare([missing, stale], [seen(stale, epoch=2)], draining=False).start == [missing, stale]


def test_a_draining_worker_is_given_nothing_new():
    assert compare([session()], [], draining=True).start == []


def test_what_is_not_wanted_is_stopped_at_the_epoch_at_which_it_runs():
    stopped, away = session(wanted=Wanted.STOP), session(wanted=Wanted.LOG_OUT)
    found = compare([stopped, away], [seen(stopped, epoch=2), seen(away)], draining=False)
    assert found.stop == [
        StopOrder(session_id=str(stopped.id), epoch=2),
        StopOrder(session_id=str(away.id), epoch=3, log_out=True),
    ]
    assert found.released == []


def test_what_is_not_wanted_and_gone_is_released():
    stopped = session(wanted=Wanted.STOP)
    assert compare([stopped], [], draining=False).released == [stopped]


def test_what_belongs_to_nobody_here_is_lost():
    foreign = session()
    assert compare([], [seen(foreign)], draining=False).lost == [str(foreign.id)]


def test_what_is_to_move_is_handed_over_once_it_runs():
    moving = session(moving_to="another")
    orders = compare([moving], [seen(moving)], draining=False).stop
    assert orders == [StopOrder(session_id=str(moving.id), epoch=3, hand_over=True)]


def test_another_state_than_is_stored_is_noticed_at_the_right_epoch_only():
    one, stale = session(), session()
    states = [seen(one, status=SessionState.RECONNECTING), seen(stale, 2, SessionState.RECONNECTING)]
    assert compare([one, stale], states, draining=False).different == [(one, states[0])]
