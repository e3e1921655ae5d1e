"""Introducing itself to the control plane, until it is taken."""

import logging
from collections.abc import Callable

from shared.contracts.fleet import Register, Registered
from worker.control_client import ControlClient, Refusal, Unreachable
from worker.pauses import Pauses

log = logging.getLogger(__name__)

# Somebody has to change a setting, here or there.
_HOPELESS = frozenset({401, 403, 409, 422})


class Registration:
    def __init__(self, client: ControlClient, clock: Callable[[], float], introduction: Register) -> None:
        self._client = client
        self._clock = clock
        self._introduction = introduction

    async def run(self) -> tuple[Registered, float]:
        """With the moment at which it was asked for: the first lease counts from there."""
        pauses = Pauses()
        while True:
            sent_at = self._clock()
            try:
                return await self._client.register(self._introduction), sent_at
            except Unreachable as error:
                log.warning("control_plane_not_ready", extra={"fields": {"reason": str(error)}})
            except Refusal as refusal:
                fields = {"status": refusal.status, "code": refusal.code, "detail": refusal.detail}
                log.error("registration_refused", extra={"fields": fields})
                if refusal.status in _HOPELESS:
                    pauses.stretch()
            await pauses.wait()
