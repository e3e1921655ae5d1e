"""What administrators see and change."""

from datetime import datetime
from typing import Annotated

import msgspec

from control_plane.accounts.models import User
from control_plane.accounts.schemas import Answer, Body, Name
from control_plane.http.principal import Role
from control_plane.tiers.limits import LimitOverrides, Limits, Tier
from shared.ids import public_id


class ChangeUserBody(Body):
    """What is left out stays as it is; `limitOverrides` replaces all overrides at once."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    role: Role | msgspec.UnsetType = msgspec.UNSET
    tier: Tier | msgspec.UnsetType = msgspec.UNSET
    disabled: bool | msgspec.UnsetType = msgspec.UNSET
    limit_overrides: LimitOverrides | msgspec.UnsetType = msgspec.UNSET


class CreateUserBody(Body):
    email: Annotated[str, msgspec.Meta(max_length=1024)]
    password: Annotated[str, msgspec.Meta(max_length=1024)]
    name: Name
    role: Role = Role.USER
    tier: Tier = Tier.BASIC


class AdminUserView(Answer):
    id: str
    email: str
    name: str
    role: Role
    tier: Tier
    limits: Limits
    limit_overrides: dict[str, int]
    disabled_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> "AdminUserView":
        return cls(
            id=public_id("usr", user.id),
            email=user.email,
            name=user.name,
            role=Role(user.role),
            tier=Tier(user.tier),
            limits=user.limits,
            limit_overrides=user.limit_overrides,
            disabled_at=user.disabled_at,
            created_at=user.created_at,
        )
