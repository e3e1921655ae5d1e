"""A way through the model by explicit actions; every step of it is held against the invariants."""

from typing import Any

from tests.ownership.actions import act
from tests.ownership.invariants import broken_by, broken_in
from tests.ownership.model import Engine, Rules, State
from tests.ownership.scenarios import settled


class Story:
    def __init__(self, host_rows: tuple[int, ...] = (0, 1), sessions: int = 1, **rules: int) -> None:
        self.rules = Rules(**rules)
        self.state = settled(host_rows, self.rules, sessions)

    def does(self, name: str, *arguments: int) -> str:
        after = act(self.state, self.rules, name, *arguments)
        assert after is not None, f"{name} {arguments} cannot happen here"
        sentence = broken_by(self.state, (name, *arguments), after, self.rules)
        sentence = sentence or broken_in(after, self.rules)
        assert sentence is None, sentence
        self.state = after
        return after.outcome

    def cannot(self, name: str, *arguments: int) -> None:
        assert act(self.state, self.rules, name, *arguments) is None, f"{name} {arguments} should wait"

    def time_passes(self, ticks: int, *beating: int, beat: str = "beat") -> None:
        for _ in range(ticks):
            self.does("tick")
            for host in beating:
                self.does(beat, host)

    def sweeps(self, row: int) -> str:
        self.does("look")
        return self.does("sweep", row)

    @property
    def session(self) -> Any:
        return self.state.sessions[0]

    @property
    def alarm(self) -> Any:
        return self.state.control.alarm

    def engine(self, host: int) -> Engine:
        engine = self.state.hosts[host].engine(0)
        assert engine is not None
        return engine

    def epochs_run(self, session: int = 0) -> dict[int, int]:
        """Which host runs the session at which epoch."""
        return {
            number: engine.epoch
            for number, host in enumerate(self.state.hosts)
            for engine in host.engines
            if engine.session == session
        }

    def goes_on_from(self, state: State) -> None:
        self.state = state
