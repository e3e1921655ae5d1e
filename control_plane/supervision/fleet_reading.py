"""What the metrics tell of the fleet."""

from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.observability.fleet_figures import FleetReading
from control_plane.supervision.fleet_admin import FleetAdministration
from control_plane.supervision.fleet_numbers import FleetNumbers
from control_plane.webhooks.dispatch.numbers import DispatchNumbers
from shared.session_state import SessionState


async def read_fleet(db: AsyncSession) -> FleetReading:
    """States that nobody is in are 0 and not absent: an alarm needs something to look at."""
    statistics, numbers = await FleetAdministration(db).statistics(), FleetNumbers(db)
    return FleetReading(
        workers=statistics.workers,
        sessions=dict.fromkeys(SessionState, 0) | statistics.sessions,
        probed=await numbers.probed(),
        capacity=statistics.capacity,
        used=statistics.used,
        least=statistics.spread.least,
        most=statistics.spread.most,
        spooled=await numbers.spooled(),
        repairs={repair.kind: repair.count for repair in statistics.repairs},
        webhooks=await DispatchNumbers(db).reading(),
    )
