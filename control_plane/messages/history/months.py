"""The months that messages lie in: made ahead of their time, dropped when nothing is in them any more."""

import uuid
from datetime import UTC, date, datetime, timedelta

import structlog
from sqlalchemy import Integer, cast, func, select

from control_plane.db.engine import Database, SystemSite
from control_plane.db.tenancy import SystemRepository

log = structlog.get_logger(__name__)

AHEAD = 2


def first_id_of(month: date) -> uuid.UUID:
    """Below it lies no id of that month: an id begins with its moment, in milliseconds."""
    moment = datetime(month.year, month.month, 1, tzinfo=UTC)
    return first_id_at(moment)


def first_id_at(moment: datetime) -> uuid.UUID:
    return uuid.UUID(int=(int(moment.timestamp() * 1000) << 80) & ((1 << 128) - 1))


class MessageMonths(SystemRepository):
    """By functions of the schema's owner: our own roles own no table, and could neither make nor drop one."""

    async def ensure(self, ahead: int) -> int:
        return int(await self.session.scalar(select(func.ensure_message_months(cast(ahead, Integer)))) or 0)

    async def drop(self, before: date) -> int:
        return int(await self.session.scalar(select(func.drop_message_months(before))) or 0)

    async def outside(self) -> int:
        """Messages whose id tells a month that has no partition: a clock was wrong."""
        return int(await self.session.scalar(select(func.count_messages_outside_months())) or 0)


async def keep_months(database: Database) -> int:
    """How many partitions were made and dropped."""
    async with database.system(SystemSite.PERIODIC_WORK) as db:
        made, outside = await MessageMonths(db).ensure(AHEAD), await MessageMonths(db).outside()
    if outside:
        log.error("messages_outside_months", messages=outside, advice="look at the clocks of the API's hosts")
    # After a month has passed nothing is added to it, but for what was just being written.
    async with database.system(SystemSite.PERIODIC_WORK) as db:
        dropped = await MessageMonths(db).drop((datetime.now(UTC) - timedelta(days=1)).date())
    return made + dropped
