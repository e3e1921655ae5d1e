"""Trouble on purpose, for one companion or for the pairings to come."""

from typing import Annotated, Literal

import msgspec
from aiohttp import web

from worker.sandbox.control.answers import done
from worker.sandbox.control.bodies import Body, read_body
from worker.sandbox.control.subjects import device_of, network_of, pairing_of
from worker.sandbox.devices import DeviceName
from worker.sandbox.faults import Faults, PairingTrouble

Code = Annotated[int, msgspec.Meta(ge=1, le=9999)]


class Fault(Body, frozen=True, kw_only=True, tag_field="kind"):
    """What lasts ends when it is healed."""


class Disconnect(Fault, frozen=True, kw_only=True, tag="disconnect"):
    def strike(self, faults: Faults, device: DeviceName) -> None:
        faults.close(device)


class Replaced(Fault, frozen=True, kw_only=True, tag="replaced"):
    def strike(self, faults: Faults, device: DeviceName) -> None:
        faults.replace(device)


class LoggedOut(Fault, frozen=True, kw_only=True, tag="logged_out"):
    def strike(self, faults: Faults, device: DeviceName) -> None:
        faults.log_out(device)


class Banned(Fault, frozen=True, kw_only=True, tag="banned"):
    """`seconds` is what the client is told; the ban itself lasts until it is healed."""

    code: Code = 101
    seconds: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] = 3600

    def strike(self, faults: Faults, device: DeviceName) -> None:
        faults.ban(device, code=self.code, seconds=self.seconds)


class Outdated(Fault, frozen=True, kw_only=True, tag="outdated"):
    def strike(self, faults: Faults, device: DeviceName) -> None:
        faults.outdate(device)


class Deaf(Fault, frozen=True, kw_only=True, tag="deaf"):
    def strike(self, faults: Faults, device: DeviceName) -> None:
        faults.deafen(device)


class Slow(Fault, frozen=True, kw_only=True, tag="slow"):
    delay: Annotated[float, msgspec.Meta(gt=0, le=600)]

    def strike(self, faults: Faults, device: DeviceName) -> None:
        faults.slow_down(device, self.delay)


class DropAck(Fault, frozen=True, kw_only=True, tag="drop_ack"):
    def strike(self, faults: Faults, device: DeviceName) -> None:
        faults.drop_acks(device)


class Limited(Fault, frozen=True, kw_only=True, tag="limited"):
    code: Code = 429

    def strike(self, faults: Faults, device: DeviceName) -> None:
        faults.limit_to(device, self.code)


class StreamError(Fault, frozen=True, kw_only=True, tag="stream_error"):
    code: Code = 503

    def strike(self, faults: Faults, device: DeviceName) -> None:
        faults.stream_error(device, self.code)


class Failure(Fault, frozen=True, kw_only=True, tag="failure"):
    code: Code = 503

    def strike(self, faults: Faults, device: DeviceName) -> None:
        faults.fail(device, self.code)


AnyFault = (
    Disconnect
    | Replaced
    | LoggedOut
    | Banned
    | Outdated
    | Deaf
    | Slow
    | DropAck
    | Limited
    | StreamError
    | Failure
)


PairingKind = Literal["passkey", "forged", "outdated"]


class PairingFault(Body, frozen=True, kw_only=True):
    kind: PairingKind


class OnePairingFault(Body, frozen=True, kw_only=True):
    """Of the client that shows this code, whichever of its codes is scanned; null heals it."""

    code: Annotated[str, msgspec.Meta(max_length=2000)]
    kind: PairingKind | None


async def strike(request: web.Request) -> web.Response:
    device_of(request)
    fault: AnyFault = await read_body(request, AnyFault)  # type: ignore[arg-type]
    fault.strike(network_of(request).faults, device_of(request))
    return done()


async def heal(request: web.Request) -> web.Response:
    network_of(request).faults.heal(device_of(request))
    return done()


async def trouble_pairings(request: web.Request) -> web.Response:
    fault, faults = await read_body(request, PairingFault), network_of(request).faults
    troubles = {
        "passkey": faults.demand_passkey,
        "forged": faults.forge_vouchers,
        "outdated": faults.outdate_pairings,
    }
    troubles[fault.kind]()
    return done()


async def trouble_pairing(request: web.Request) -> web.Response:
    fault = await read_body(request, OnePairingFault)
    trouble = PairingTrouble[fault.kind.upper()] if fault.kind is not None else None
    pairing_of(network_of(request), fault.code).trouble = trouble
    return done()


async def heal_pairings(request: web.Request) -> web.Response:
    network_of(request).faults.heal_pairings()
    return done()


ROUTES = [
    web.post("/devices/{number}/{device}/faults", strike),
    web.delete("/devices/{number}/{device}/faults", heal),
    web.post("/pairings/faults", trouble_pairing),
    web.post("/faults", trouble_pairings),
    web.delete("/faults", heal_pairings),
]
