"""What owners do with their sessions, and administrators with workers."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from control_plane.errors import AppError, Code
from control_plane.supervision.wishes import Wishes
from tests.fleet_machine.machine import IDS, which
from tests.fleet_machine.steps import Steps

has_sessions = precondition(lambda machine: machine.book.sessions)


class Owners(Steps):
    @rule(account=st.integers(0, 1))
    def owner_creates(self, account: int) -> None:
        self.created(account)

    @has_sessions
    @rule(
        number=which,
        wish=st.sampled_from(["connect", "connect", "restart", "disconnect", "log_out", "prefer"]),
    )
    def owner_wishes(self, number: int, wish: str) -> None:
        session = self.a_session(number)
        self.say(f"the owner of {session[-4:]} says {wish}")
        if wish == "prefer":
            self.world.do(self.calls.set_primary(self.owner_of(session), session))
        else:
            self.asked(session, wish)

    @has_sessions
    @rule(number=which)
    def owner_deletes(self, number: int) -> None:
        session = self.a_session(number)
        self.say(f"the owner of {session[-4:]} deletes it")
        self.world.do(self.calls.delete(self.owner_of(session), session))
        del self.book.sessions[session]

    def asked(self, session: str, wish: str) -> None:
        if wish == "log_out":
            self.book.forgotten.add(session)
        try:
            self.world.do(self.calls.ask(self.owner_of(session), session, getattr(Wishes, wish)))
        except AppError as error:
            if error.code is not Code.NO_WORKER_AVAILABLE:
                raise
            taking = self.look_at().taking()
            self.demand(not taking, "who_has_room_is_found", f"{taking} could have taken {session}")


class Administrators(Steps):
    @rule(
        worker_id=st.sampled_from(IDS),
        what=st.sampled_from(["drain", "resume", "delete", "room"]),
        room=st.integers(0, 3),
    )
    def administrator_says(self, worker_id: str, what: str, room: int) -> None:
        asked: dict[str, Any] = {
            "drain": lambda: self.calls.drain(worker_id),
            "resume": lambda: self.calls.resume(worker_id),
            "delete": lambda: self.calls.delete_worker(worker_id),
            "room": lambda: self.calls.give_room(worker_id, room),
        }
        self.say(f"an administrator says {what} to {worker_id}" + f": {room}" * (what == "room"))
        try:
            self.world.do(asked[what]())
        except AppError as error:
            if error.code is not Code.NOT_FOUND:
                raise
