"""Locations, of a moment and live."""

import math
from typing import Any

from shared.contracts.messages import Location
from worker.whatsapp import library
from worker.whatsapp.outgoing.limits import check_text

_LONGEST_NAME = 1024


def location_message(content: Location) -> Any:
    place = {
        "degreesLatitude": _degrees(content.latitude, "latitude", 90),
        "degreesLongitude": _degrees(content.longitude, "longitude", 180),
    }
    name = check_text(content.name, "the name of the place", _LONGEST_NAME, empty=True)
    address = check_text(content.address, "the address of the place", _LONGEST_NAME, empty=True)
    if not content.live:
        return library.Message(locationMessage={**place, "name": name, "address": address})
    if address:
        raise ValueError("a live location has no address: leave it out, or put it into the name")
    return library.Message(liveLocationMessage={**place, "caption": name, "sequenceNumber": 1})


def _degrees(value: float, what: str, most: int) -> float:
    if not math.isfinite(value) or abs(value) > most:
        raise ValueError(f"the {what} must be from -{most} to {most} degrees")
    return value
