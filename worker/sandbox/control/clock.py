"""The time on the network, where it can be set."""

import datetime as dt
from typing import Annotated

import msgspec
from aiohttp import web

from worker.sandbox.clock import Clock, SetClock
from worker.sandbox.control.answers import answer, moment
from worker.sandbox.control.bodies import Body, read_body
from worker.sandbox.control.problems import Problem, invalid
from worker.sandbox.control.subjects import network_of

# Clients count in 32 bits in some places.
_LATEST = 2**32 - 1


class Setting(Body, frozen=True, kw_only=True):
    """`advance` in seconds."""

    now: Annotated[dt.datetime, msgspec.Meta(tz=True)] | None = None
    advance: Annotated[float, msgspec.Meta(gt=0, le=_LATEST)] | None = None


async def show(request: web.Request) -> web.Response:
    return _clock(network_of(request).clock)


async def change(request: web.Request) -> web.Response:
    clock, wanted = network_of(request).clock, await read_body(request, Setting)
    if not isinstance(clock, SetClock):
        detail = "This network runs on the time of the machine. Start it with --clock and a time to set it."
        raise Problem(409, "clock_not_settable", detail)
    if (wanted.now is None) == (wanted.advance is None):
        raise invalid("now", "Send either now, a time, or advance, a number of seconds.")
    later = wanted.now.timestamp() if wanted.now else clock.now() + (wanted.advance or 0)
    if not 0 <= later <= _LATEST:
        raise invalid("now" if wanted.now else "advance", f"The time must be before {moment(_LATEST)}.")
    clock.set(later)
    return _clock(clock)


def _clock(clock: Clock) -> web.Response:
    return answer({"now": moment(clock.now()), "settable": isinstance(clock, SetClock)})


ROUTES = [web.get("/clock", show), web.post("/clock", change)]
