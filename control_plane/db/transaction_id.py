"""The type of PostgreSQL's transaction ids that never wrap around: what readers of a log sort by."""

from typing import Any

from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.types import UserDefinedType


class TransactionId(UserDefinedType[str]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid8"


# So that a comparison of models and schema knows the type.
ischema_names["xid8"] = TransactionId
