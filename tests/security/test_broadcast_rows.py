"""Whom somebody writes to, and who wants nothing of them, is for no other tenant's eyes and hands."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from control_plane.db.base import Base
from control_plane.db.engine import Database, SystemSite
from control_plane.messages.broadcasts.models import Broadcast, BroadcastRecipient, OptOut
from tests.factories import People, Person
from tests.security.test_row_level_security import tenant_of

PHONE = "+4915112345678"


async def furnished(people: People) -> Person:
    person = await people()
    await person.call("POST", "/v1/sessions", json={"name": "shop"})
    planned = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    body = {"message": {"text": "x"}, "recipients": [{"to": PHONE}], "sendAt": planned}
    assert (await person.call("POST", "/v1/sessions/shop/broadcasts", json=body)).status_code == 201
    assert (await person.call("POST", "/v1/opt-outs", json={"contact": PHONE})).status_code == 201
    return person


@pytest.mark.parametrize("model", [Broadcast, BroadcastRecipient, OptOut], ids=lambda model: model.__name__)
async def test_without_any_scope_a_tenant_reaches_its_own_rows_only(
    database: Database, people: People, model: type[Base]
):
    owner, other = await furnished(people), await furnished(people)
    column = (table := _table(model)).c.user_id
    async with database.tenant(tenant_of(owner)) as session:
        assert set(await session.scalars(select(column))) == {tenant_of(owner)}
        changed: Any = await session.execute(update(table).values(user_id=column))
        await session.execute(delete(table))
    assert changed.rowcount == 1
    async with database.system(SystemSite.ADMIN) as session:
        left = await session.scalars(select(column).where(column == tenant_of(other)))
        assert left.all()


def _table(model: type[Base]) -> Any:
    return model.__table__
