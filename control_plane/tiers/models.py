"""How much of each limited thing an account uses now."""

import uuid

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.db.base import Base


class QuotaUsage(Base):
    """`period` is empty for what stands (sessions, keys), a day or a month for what is counted in time."""

    __tablename__ = "quota_usage"
    __table_args__ = (CheckConstraint("used >= 0", name="not_negative"),)

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    resource: Mapped[str] = mapped_column(primary_key=True)
    period: Mapped[str] = mapped_column(primary_key=True, default="")
    used: Mapped[int] = mapped_column(BigInteger)
