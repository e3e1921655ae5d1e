"""What callers get: JSON, with times in UTC."""

import datetime as dt
from collections.abc import Sequence

import msgspec
from aiohttp import web


def answer(content: object, status: int = 200) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    body = msgspec.json.encode(content)
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)


def page(items: Sequence[object], following: int) -> web.Response:
    """`following` is where the next page begins."""
    return answer({"items": items, "next": following})


def done() -> web.Response:
    return web.Response(status=204)


def moment(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat().replace("+00:00", "Z")
