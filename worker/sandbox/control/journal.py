"""The journal of the network: who was there when, what it accepted, and whether anybody was there twice."""

import asyncio
from typing import Annotated

import msgspec
from aiohttp import web

from worker.sandbox.control.answers import answer, moment, page
from worker.sandbox.control.bodies import Body, Limit, Position, read_query
from worker.sandbox.control.subjects import network_of
from worker.sandbox.devices import DeviceName
from worker.sandbox.journal import Entry, Journal, Kind
from worker.sandbox.overlaps import Overlap, Overlaps

_AT_ONCE = 1000
_MOST_OVERLAPS = 1000


class Reading(Body, frozen=True, kw_only=True):
    """A device is written number:device, as the journal has it."""

    after: Position = 0
    kind: Kind | None = None
    device: Annotated[str, msgspec.Meta(pattern="^[0-9]{1,20}:[0-9]{1,5}$")] | None = None
    limit: Limit = 100


async def read(request: web.Request) -> web.Response:
    wanted = read_query(request, Reading)
    number, _, device = (wanted.device or "").partition(":")
    name = DeviceName(number, int(device)) if number else None
    entries = network_of(request).journal.page(wanted.after, wanted.kind, name, wanted.limit)
    items = [{"position": position, **_entry(entry)} for position, entry in entries]
    return page(items, entries[-1][0] if entries else wanted.after)


async def show_overlaps(request: web.Request) -> web.Response:
    overlaps = await _search(network_of(request).journal)
    return answer({"items": [_overlap(overlap) for overlap in overlaps]})


async def _search(journal: Journal) -> list[Overlap]:
    search, after = Overlaps(), 0
    while len(search.found) < _MOST_OVERLAPS and (entries := journal.page(after, limit=_AT_ONCE)):
        for after, entry in entries:  # noqa: B007 (the last of them is where the next page begins)
            search.see(entry)
        # A long journal must not keep the network waiting.
        await asyncio.sleep(0)
    return search.found[:_MOST_OVERLAPS]


def _entry(entry: Entry) -> dict[str, object]:
    told = {
        "at": moment(entry.at),
        "kind": entry.kind,
        "device": entry.device,
        "start": entry.start,
        "connection": entry.connection,
        "messageId": entry.message_id,
        "recipient": entry.recipient,
        "reason": entry.reason,
    }
    return {name: value for name, value in told.items() if value}


def _overlap(overlap: Overlap) -> dict[str, object]:
    return {
        "device": overlap.second.device,
        "at": moment(overlap.second.at),
        "first": _entry(overlap.first),
        "second": _entry(overlap.second),
    }


ROUTES = [web.get("/journal", read), web.get("/journal/overlaps", show_overlaps)]
