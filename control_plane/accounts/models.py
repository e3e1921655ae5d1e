"""Accounts, their logins, their keys."""

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.db.base import Base, BelongsToUser, HasCreationTime, HasId
from control_plane.http.principal import KeyMode, Role, Scope
from control_plane.tiers.limits import Limits, Tier, limits_of


class User(HasId, HasCreationTime, Base):
    __tablename__ = "users"
    __table_args__ = (Index(None, "created_at", "id"),)

    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    role: Mapped[Role] = mapped_column(String, default=Role.USER)
    tier: Mapped[Tier] = mapped_column(String, default=Tier.BASIC)
    limit_overrides: Mapped[dict[str, int]] = mapped_column(JSONB, default=dict, server_default="{}")
    disabled_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(
        server_default=func.clock_timestamp(), onupdate=func.clock_timestamp()
    )

    @property
    def limits(self) -> Limits:
        return limits_of(Tier(self.tier), self.limit_overrides)


class Login(HasId, BelongsToUser, HasCreationTime, Base):
    """One sign-in on one device: the family of refresh tokens that follow each other."""

    __tablename__ = "logins"

    expires_at: Mapped[datetime]
    last_refreshed_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    revoked_reason: Mapped[str | None]
    user_agent: Mapped[str] = mapped_column(default="", server_default="")


class RefreshToken(HasId, BelongsToUser, HasCreationTime, Base):
    __tablename__ = "refresh_tokens"

    login_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("logins.id", ondelete="CASCADE"), index=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    rotated_at: Mapped[datetime | None]


class PasswordReset(HasId, BelongsToUser, HasCreationTime, Base):
    __tablename__ = "password_resets"

    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]


class ApiKey(HasId, BelongsToUser, HasCreationTime, Base):
    """`key_id` is the public part that stands in the key itself; of the secret only a keyed hash is kept."""

    __tablename__ = "api_keys"

    key_id: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    mode: Mapped[KeyMode] = mapped_column(String)
    scopes: Mapped[list[Scope]] = mapped_column(ARRAY(String))
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    digest_key_id: Mapped[str]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
