"""How a call is answered whose message was accepted: as sent, or as on its way."""

from collections.abc import Awaitable
from typing import Any

from litestar import Request, Response
from redis.asyncio import Redis

from control_plane.events.hints import hint
from control_plane.http.idempotency import claim_of
from control_plane.messages.accepting import Call
from control_plane.messages.files.media import MediaLinks
from control_plane.messages.models import Message
from control_plane.messages.schemas import MessageView

_ASYNC = "respond-async"
_ON_ITS_WAY = frozenset({"scheduled", "queued", "sending", "uncertain"})


def call_of(request: Request[Any, Any, Any]) -> Call:
    preferred = {part.strip().lower() for part in request.headers.get("prefer", "").split(",")}
    return Call(request.user, wait=_ASYNC not in preferred, once=claim_of(request.scope))


class Answering:
    def __init__(self, redis: Redis, links: MediaLinks) -> None:
        self._redis = redis
        self._links = links

    async def answer(self, call: Call, sent: Awaitable[Message], done: int = 201) -> Response[MessageView]:
        """Whoever follows the events live is to hear of it at once, also where it failed."""
        try:
            view = MessageView.of(await sent, self._links)
        finally:
            hint(self._redis)
        headers = {"Location": f"/v1/messages/{view.id}", **call.headers}
        if not call.wait:
            headers["Preference-Applied"] = _ASYNC
        status = 202 if view.status in _ON_ITS_WAY else done
        return Response(view, status_code=status, headers=headers)
