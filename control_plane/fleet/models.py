"""Workers, who may join them, what happened to them, and where the events of each spool end."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, LargeBinary, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.db.base import Base, HasCreationTime, HasId


class Worker(HasCreationTime, Base):
    """One lease for each worker, whatever the number of its sessions."""

    __tablename__ = "workers"
    __table_args__ = (Index(None, "lease_until"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    endpoint: Mapped[str] = mapped_column(server_default="")
    version: Mapped[str] = mapped_column(server_default="")
    environment: Mapped[str] = mapped_column(server_default="")
    store: Mapped[str] = mapped_column(server_default="postgres")
    sandbox: Mapped[bool] = mapped_column(server_default="false")
    # What it says of itself, and what an admin says of it, which counts more.
    capacity: Mapped[int] = mapped_column(server_default="0")
    capacity_override: Mapped[int | None]
    weight: Mapped[float] = mapped_column(server_default="1")
    labels: Mapped[dict[str, str]] = mapped_column(JSONB, server_default="{}")
    incarnation: Mapped[int] = mapped_column(BigInteger, server_default="0")
    token_key_id: Mapped[str] = mapped_column(server_default="")
    lease_seconds: Mapped[float] = mapped_column(server_default="15")
    lease_until: Mapped[datetime | None]
    # The incarnation's end: swept, proven dead or replaced. What it saw before is still taken.
    retired_at: Mapped[datetime | None]
    retired_reason: Mapped[str | None]
    draining: Mapped[bool] = mapped_column(server_default="false")
    # By an administrator, and until an administrator says otherwise, however often it comes back.
    drain_wanted: Mapped[bool] = mapped_column(server_default="false")
    registered_at: Mapped[datetime | None]
    heartbeat_at: Mapped[datetime | None]
    cpu: Mapped[float] = mapped_column(server_default="0")
    memory: Mapped[float] = mapped_column(server_default="0")
    uptime: Mapped[float] = mapped_column(server_default="0")
    counts: Mapped[dict[str, int]] = mapped_column(JSONB, server_default="{}")
    spooled: Mapped[int] = mapped_column(server_default="0")
    restarts: Mapped[int] = mapped_column(server_default="0")
    failures: Mapped[int] = mapped_column(server_default="0")

    @property
    def room(self) -> int:
        return self.capacity if self.capacity_override is None else self.capacity_override


class JoinToken(HasId, HasCreationTime, Base):
    """Of the token only a keyed hash is kept."""

    __tablename__ = "join_tokens"

    name: Mapped[str] = mapped_column(server_default="")
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class FleetEvent(HasId, HasCreationTime, Base):
    __tablename__ = "fleet_events"
    __table_args__ = (Index(None, "worker_id", "created_at"),)

    worker_id: Mapped[str] = mapped_column(server_default="")
    kind: Mapped[str] = mapped_column(server_default="")
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")


class Repair(Base):
    """How often each kind of mismatch was put right."""

    __tablename__ = "repairs"

    kind: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
    last_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class ApiReplica(HasId, Base):
    """While one of these beats, no worker renews its lease past the control plane."""

    __tablename__ = "api_replicas"

    started_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    beat_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class SpoolMark(Base):
    """Up to where a worker's spool has been taken in."""

    __tablename__ = "spools"

    id: Mapped[str] = mapped_column(primary_key=True)
    worker_id: Mapped[str] = mapped_column(server_default="")
    position: Mapped[int] = mapped_column(BigInteger, server_default="0")
    updated_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
