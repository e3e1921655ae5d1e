"""The stream on which the control plane says that a heartbeat is wanted now."""

import logging
from collections.abc import Callable

from worker.control_client import ControlClient, Refusal, Unreachable
from worker.pauses import Pauses

log = logging.getLogger(__name__)

_BEAT = "beat"


async def follow_nudges(client: ControlClient, beat: Callable[[], None]) -> None:
    """For ever. Without it everything happens too, at the next heartbeat."""
    pauses = Pauses()
    while True:
        try:
            async for nudge in client.nudges():
                pauses.reset()
                if nudge == _BEAT:
                    beat()
        except (Unreachable, Refusal) as error:
            log.info("nudges_ended", extra={"fields": {"reason": str(error)}})
        await pauses.wait()
