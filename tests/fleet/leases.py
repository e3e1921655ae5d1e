"""Times of a fleet: short ones, to be waited for in every run, and those that it has in life."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Leases:
    """`away` is how long somebody is gone; `noticed` bounds how long a silent worker's sessions may be."""

    seconds: float
    heartbeat: float
    brake: float
    away: float
    noticed: float

    @property
    def settings(self) -> Mapping[str, str]:
        return {
            "WAYPOST_LEASE_SECONDS": str(self.seconds),
            "WAYPOST_HEARTBEAT_SECONDS": str(self.heartbeat),
            "WAYPOST_BRAKE_SECONDS": str(self.brake),
        }


SHORT = Leases(seconds=5, heartbeat=0.5, brake=60, away=8, noticed=40)
# What settings.py says when nobody says anything.
DEFAULT = Leases(seconds=15, heartbeat=3, brake=60, away=60, noticed=30)
