"""One attempt: signed, sent, and its answer judged."""

import time
from collections.abc import Callable
from datetime import datetime

from control_plane.egress.answers import Limits, Reply
from control_plane.egress.gate import Egress
from control_plane.egress.troubles import EgressError
from control_plane.keyring import UnknownKeyError
from control_plane.webhooks.dispatch.endpoints import Endpoint, Opened
from control_plane.webhooks.dispatch.parcels import Letter
from control_plane.webhooks.dispatch.results import Outcome, Result, readable
from control_plane.webhooks.dispatch.schedule import asked_delay
from control_plane.webhooks.secrets import Secrets
from control_plane.webhooks.signing import signed_headers
from shared.ids import public_id

PATIENCE = 15.0
_LIMITS = Limits(most_bytes=4096, answer_seconds=PATIENCE, total_seconds=PATIENCE)


class Post:
    def __init__(self, egress: Egress, keys: Secrets, now: Callable[[], datetime]) -> None:
        self._egress = egress
        self._keys = keys
        self._now = now

    async def attempt(self, endpoint: Endpoint, letter: Letter) -> Result:
        at, began = self._now(), time.perf_counter()
        try:
            headers = self._headers(endpoint, letter, at)
            reply = await self._egress.post(endpoint.url, letter.body, headers, _LIMITS)
        except EgressError as error:
            return Result(
                outcome=Outcome.UNREACHED,
                at=at,
                seconds=time.perf_counter() - began,
                error=error.detail,
            )
        except UnknownKeyError:
            words = "The secret of this webhook cannot be opened any more. Rotate it."
            return Result(outcome=Outcome.UNREACHED, at=at, seconds=0, error=words)
        return _judged(reply, at, time.perf_counter() - began)

    def _headers(self, endpoint: Endpoint, letter: Letter, at: datetime) -> dict[str, str]:
        opened = Opened.of(endpoint, self._keys, at)
        signed = signed_headers(
            secrets=opened.secrets,
            hmac_key=opened.hmac_key,
            message_id=public_id("evt", letter.event_id),
            at=at,
            body=letter.body,
        )
        return {**opened.headers, "Content-Type": "application/json", **signed}


def _judged(reply: Reply, at: datetime, seconds: float) -> Result:
    status = reply.status
    if 200 <= status < 300:
        return Result(
            outcome=Outcome.DELIVERED,
            at=at,
            seconds=seconds,
            status_code=status,
            response=readable(reply.body),
        )
    error = f"The server answered with the status {status} instead of a success."
    if 300 <= status < 400:
        error = (
            f"The server answered with a redirect ({status}), which is not followed. Give its last address."
        )
    return Result(
        outcome=Outcome.REFUSED,
        at=at,
        seconds=seconds,
        status_code=status,
        error=error,
        response=readable(reply.body),
        retry_after=asked_delay(reply.headers.get("Retry-After", ""), at),
    )
