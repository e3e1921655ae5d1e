"""Pairing by a code that is typed into the phone: asked for when the network has shown its first QR code."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from shared.contracts.told import Meaning, PairingCodeShown, QrShown, StateSeen, Then, Told
from shared.session_state import Reason, SessionState
from worker.engines.fleet import FleetOfEngines
from worker.engines.session_spec import SessionSpec
from worker.engines.words import AskPairingCode
from worker.whatsapp.port import Gone, NotConnected, Refused, Silent, Uncertain

log = logging.getLogger(__name__)

_REFUSED = Meaning(SessionState.AUTH_FAILED, Reason.PAIRING_FAILED, Then.STOP)
# The network gives one such code for the whole time that a pairing may take.
GOOD_FOR = 160


class PairingCodes:
    """`phones` is by session; what was not answered is asked again at the next QR code."""

    def __init__(
        self,
        engines: FleetOfEngines,
        phones: dict[str, str],
        tell: Callable[[SessionSpec, Told], None],
    ) -> None:
        self._engines = engines
        self._phones = phones
        self._tell = tell
        self._tasks: set[asyncio.Task[None]] = set()

    def heard(self, spec: SessionSpec, told: Told, _written: "asyncio.Future[int] | None") -> None:
        if isinstance(told, QrShown) and (phone := self._phones.pop(spec.session, None)):
            task = asyncio.ensure_future(self._ask(spec, phone))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _refused(self, spec: SessionSpec, words: str) -> None:
        """Nobody has this number, or it was asked too often: waiting for a code would be in vain."""
        log.warning("pairing_by_code_refused", extra={"fields": {"session": spec.session}})
        self._tell(spec, StateSeen(meaning=replace(_REFUSED, detail=words[:200])))
        await self._engines.stop(spec.session)

    async def _ask(self, spec: SessionSpec, phone: str) -> None:
        try:
            answer = await self._engines.ask(spec.session, AskPairingCode(phone=phone.lstrip("+")))
        except (Gone, NotConnected, Refused, Uncertain) as error:
            if isinstance(error, Refused) and not isinstance(error, Silent):
                await self._refused(spec, str(error))
                return
            fields = {"session": spec.session, "reason": str(error) or type(error).__name__}
            log.warning("pairing_by_code_not_answered", extra={"fields": fields})
            self._phones.setdefault(spec.session, phone)
            return
        if answer.code:
            self._tell(spec, PairingCodeShown(code=answer.code, seconds=GOOD_FOR))
