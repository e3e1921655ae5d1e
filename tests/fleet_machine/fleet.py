"""The whole machine, or some of its parts; at the end of each example all trouble ends."""

from collections.abc import Sequence

from tests.fleet_machine.clients import Clients
from tests.fleet_machine.owners import Administrators, Owners
from tests.fleet_machine.processes import Processes
from tests.fleet_machine.settling import settle
from tests.fleet_machine.steps import Steps
from tests.fleet_machine.supervision import Supervision

Part = type[Steps]
EVERYTHING: Sequence[Part] = (Owners, Administrators, Clients, Processes, Supervision)


class _Ending(Steps):
    """Everything must be well then."""

    def teardown(self) -> None:
        if not self.broken:
            settle(self)


def made_of(parts: Sequence[Part]) -> Part:
    return type("Fleet", (*parts, _Ending), {})
