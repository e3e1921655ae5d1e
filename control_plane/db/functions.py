"""Functions of the schema, called in the transaction of a session. What they may see is what its role may."""

from typing import Any

from sqlalchemy import RowMapping, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession


async def call_function(db: AsyncSession, name: str, /, **arguments: Any) -> RowMapping:
    """The one row that it answers with; the arguments by the names that the function has for them."""
    given = ", ".join(f"{argument} => :{argument}" for argument in arguments)
    statement = text(f"SELECT * FROM {name}({given})")  # noqa: S608 (names of ours)
    documents = [argument for argument, value in arguments.items() if isinstance(value, dict)]
    typed = statement.bindparams(*(bindparam(argument, type_=JSONB) for argument in documents))
    result = await db.execute(typed, arguments)
    return result.mappings().one()
