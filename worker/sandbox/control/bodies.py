"""What callers send: JSON and query parameters in camelCase, of exactly the form that the call wants."""

import asyncio
import re
from typing import Annotated, TypeVar

import msgspec
from aiohttp import web

from worker.sandbox.control.problems import Problem, invalid

LARGEST_BODY = 32 * 1024 * 1024
# Decoding more than this takes longer than the network's clients should wait.
_LONG = 256 * 1024

Number = Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{6,14}$")]
MessageId = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Limit = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Position = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Wait = Annotated[float, msgspec.Meta(ge=0, le=30)]

_PLACE = re.compile(r"(.*) - at `\$\.?(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.+)`", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.+)`", re.DOTALL)

Form = TypeVar("Form")


class Body(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    pass


async def read_body(request: web.Request, form: type[Form]) -> Form:
    data = await request.read()
    try:
        if len(data) > _LONG:
            return await asyncio.to_thread(msgspec.json.decode, data, type=form)
        return msgspec.json.decode(data, type=form)
    except msgspec.ValidationError as error:
        raise _refusal(str(error)) from None
    except RecursionError:
        raise invalid("", "The body is nested too deeply.") from None
    except ValueError:
        raise invalid("", "The body is no JSON; send an object in UTF-8.") from None


def read_query(request: web.Request, form: type[Form]) -> Form:
    try:
        return msgspec.convert(dict(request.query), type=form, strict=False)
    except msgspec.ValidationError as error:
        raise _refusal(str(error)) from None


def _refusal(message: str) -> Problem:
    """The library names the place last; where a field is missing or too many, only the place around it."""
    found = _PLACE.fullmatch(message)
    reason, place = (found[1], found[2]) if found else (message, "")
    if missing := _MISSING.fullmatch(reason):
        return invalid(_within(place, missing[1]), f"{_within(place, missing[1])} is missing.")
    if unknown := _UNKNOWN.fullmatch(reason):
        return invalid(_within(place, unknown[1]), f"{_within(place, unknown[1])} is no field of this call.")
    return invalid(place, f"{place or 'The body'} is not right: {reason[:1].lower()}{reason[1:200]}.")


def _within(place: str, field: str) -> str:
    return ".".join(filter(None, (place, field)))[:200]
