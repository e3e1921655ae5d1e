"""One WhatsApp client on the library: its life, from the pairing or the resumption to the stop."""

import asyncio
import logging
from typing import Any

from shared.contracts.told import LoggedInAs, Meaning, Paired, Probed, QrShown, StateSeen
from shared.session_state import Reason, SessionState
from worker.whatsapp.account import Account
from worker.whatsapp.calls import LibraryCalls
from worker.whatsapp.event_map import (
    CLIENT_CRASHES,
    CONNECTED,
    DEAF,
    LOGGED_OUT,
    SILENT,
    STATE_EVENTS,
    meaning_of,
    meaning_of_lost_report,
    meaning_of_qr_end,
)
from worker.whatsapp.jids import device_jid, parse_device_jid
from worker.whatsapp.library import events
from worker.whatsapp.library_run import Hooks, LibraryRun
from worker.whatsapp.listening import Listening, guarded
from worker.whatsapp.lock import CallLock
from worker.whatsapp.port import Listener, NotConnected, Proxy
from worker.whatsapp.probing import Look, Probing
from worker.whatsapp.proxies import Way
from worker.whatsapp.revival import Revival

log = logging.getLogger(__name__)

# The network's own life of the codes: a minute for the first one, then twenty seconds for each.
_FIRST_QR_SECONDS = 60
_NEXT_QR_SECONDS = 20
_LONGEST_PAUSE = 60.0
_FIRST_LOOK = 0.25


class LibraryClient(LibraryCalls):
    """Used once: paired or resumed, stopped, thrown away."""

    def __init__(
        self,
        address: str,
        lock: CallLock,
        listener: Listener,
        device_name: str,
        proxy: Proxy | None = None,
        *,
        probe_every: float = 30.0,
    ) -> None:
        super().__init__(lock)
        self._address = address
        self._tell = listener
        self._device_name = device_name
        self._proxy = proxy
        self._listening = Listening(listener, lambda: self._account, self._votes)
        self._device_jid = ""
        self._run: LibraryRun | None = None
        self._begun = False
        self._stopped = asyncio.Event()
        self._qr_number = 0
        self._log_ins = 0
        self._seen: Meaning | None = None
        self._probing = Probing(probe_every, self.answered, self._probed)
        self._revival = Revival(self._connect, self._stopped, self._probing.patience)

    async def pair(self) -> None:
        await self._start()

    async def resume(self, device_jid: str) -> None:
        parse_device_jid(device_jid)
        self._device_jid = device_jid
        await self._start()
        # From now on: a log-in that nobody answers is told by no event, and would be waited for for ever.
        self._probing.start()

    async def stop(self) -> None:
        self._stopped.set()
        self._revival.heard(SessionState.DISCONNECTED)
        self._probing.stop()
        async with self._lock.alone():
            run, self._run = self._run, None
            if run is not None:
                await run.stop()

    def _running(self) -> Any:
        if self._stopped.is_set() or self._run is None or not self._run.started:
            raise NotConnected
        return self._run.client

    async def _start(self) -> None:
        if self._begun:
            raise RuntimeError("a client is started once")
        self._begun = True
        await self._connect()

    async def _connect(self) -> None:
        """Replaces the run before it, if there was one."""
        await Way.through(self._proxy).probe()
        jid = parse_device_jid(self._device_jid) if self._device_jid else None
        hooks = Hooks(
            attach=self._attach,
            account_known=self._account_known,
            qr_shown=self._qr_shown,
            login_said=self._login_said,
            report_ended=self._report_ended,
        )
        # Held until the new client stands in the library's maps, which have no lock of their own.
        async with self._lock.alone():
            before, self._run = self._run, None
            # Logged out while it was deaf: a device that is no longer in the store would end the process.
            if before is not None and not await before.retire():
                self._say(LOGGED_OUT)
                return
            if self._stopped.is_set():
                raise NotConnected
            run = LibraryRun(self._address, self._device_name, jid, hooks)
            await run.start(self._proxy)
            self._run = run

    def _attach(self, client: Any) -> None:
        self._listening.attach(client)
        for kind in STATE_EVENTS:
            client.event(kind)(guarded(self._state_seen))

    def _account_known(self, account: Account) -> None:
        self._account = account
        self._device_jid = self._device_jid or account.device_jid

    def _qr_shown(self, code: str) -> None:
        self._qr_number += 1
        seconds = _FIRST_QR_SECONDS if self._qr_number == 1 else _NEXT_QR_SECONDS
        self._tell(QrShown(code=code, number=self._qr_number, seconds=seconds))

    def _login_said(self, status: bytes) -> None:
        meaning = meaning_of_qr_end(status)
        if meaning is not None:
            log.info("whatsapp_pairing_ended", extra={"fields": {"status": status.decode(errors="replace")}})
            self._say(meaning)

    async def _state_seen(self, event: Any) -> None:
        if isinstance(event, events.PairStatusEv) and event.Status == event.SUCCESS:
            self._device_jid = device_jid(event.ID)
            self._tell(
                Paired(
                    device_jid=self._device_jid,
                    business_name=event.BusinessName,
                    platform=event.Platform,
                )
            )
            self._probing.start()
        self._say(meaning_of(event))
        if isinstance(event, events.KeepAliveTimeoutEv):
            self._probing.suspect()
        elif isinstance(event, events.ConnectedEv):
            await self._tell_account()

    def _say(self, meaning: Meaning) -> None:
        self._seen = meaning
        self._tell(StateSeen(meaning=meaning))
        self._revival.heard(meaning.state)

    async def _tell_account(self) -> None:
        """Again when it has got its name, which comes some time after the pairing and without an event."""
        self._log_ins += 1
        log_in, told, pause = self._log_ins, Account(), _FIRST_LOOK
        while log_in == self._log_ins:
            try:
                account = await self._own_account()
            except NotConnected:
                return
            if account != told:
                self._account = told = account
                self._tell(
                    LoggedInAs(
                        device_jid=account.device_jid,
                        phone=account.phone,
                        lid=account.lid,
                        display_name=account.name,
                    )
                )
            if told.name or await self._stopped_within(pause):
                return
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _report_ended(self, words: str) -> None:
        """The connection goes on, its messages are acknowledged, and nobody hears of them."""
        log.warning("whatsapp_report_ended", extra={"fields": {"why": words}})
        meaning = meaning_of_lost_report(words)
        if meaning is DEAF and not self._revival.allowed():
            meaning = CLIENT_CRASHES
        self._say(meaning)
        if meaning is DEAF:
            self._revival.begin()

    def _probed(self, look: Look, milliseconds: float) -> None:
        """A client that knows that it is down comes back by itself."""
        if look is Look.DOWN or self._revival.under_way or self._stopped.is_set():
            return
        deaf = self._seen is not None and self._seen.reason is Reason.DEAF
        self._tell(Probed(answered=look is Look.ANSWERED, milliseconds=round(milliseconds, 1)))
        if look is Look.SILENT:
            self._say(SILENT)
            self._revival.begin()
        elif deaf:
            self._say(CONNECTED)

    async def _stopped_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._stopped.wait(), seconds)
        except TimeoutError:
            return False
        return True
