"""How a call is answered whose message went out, or may have."""

from collections.abc import Awaitable

from litestar import Response
from redis.asyncio import Redis

from control_plane.events.hints import hint
from control_plane.messages.media import MediaLinks
from control_plane.messages.models import Message
from control_plane.messages.schemas import MessageView


class Answering:
    def __init__(self, redis: Redis, links: MediaLinks) -> None:
        self._redis = redis
        self._links = links

    async def answer(self, sent: Awaitable[Message], done: int = 201) -> Response[MessageView]:
        """Whoever follows the events live is to hear of it at once, also where it failed."""
        try:
            view = MessageView.of(await sent, self._links)
        finally:
            hint(self._redis)
        status = 202 if view.status == "uncertain" else done
        return Response(view, status_code=status, headers={"Location": f"/v1/messages/{view.id}"})
