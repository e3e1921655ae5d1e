"""One client object of the library, from connect to stop. Its hazards are met here, where they bite."""

import asyncio
import ctypes
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from worker.whatsapp import library
from worker.whatsapp.account import Account
from worker.whatsapp.library_errors import start_problem_of, words_of
from worker.whatsapp.port import Proxy, Refused

log = logging.getLogger(__name__)

_STARTED = 0  # the library's internal event that says that a client stands in its maps
_STOP_PATIENCE = 10.0
# What the network said in the connection's last moment may still be at work on the store.
_LAST_WORDS = 1.0
# What Go calls here. It goes on to log after a stop: were this collected, that would end the process.
_called_by_go: list[Any] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What a run tells beside the library's events; `attach` registers those."""

    attach: Callable[[Any], None]
    account_known: Callable[[Account], None]
    qr_shown: Callable[[str], None]
    login_said: Callable[[bytes], None]
    report_ended: Callable[[str], None]


class LibraryRun:
    """Used once: a second connect would leak a thread for ever. Whoever starts or stops it holds the lock."""

    def __init__(self, address: str, device_name: str, jid: Any, hooks: Hooks) -> None:
        """Without a `jid` it makes a new device. One that is not in the store would end the process."""
        self._hooks = hooks
        self._jid = jid
        self._started = asyncio.Event()
        self._paired = jid is not None
        self._stopping = False
        self._task: asyncio.Task[Any] | None = None
        self.client: Any = library.client.NewAClient(
            address,
            # Never used again: a second client of the same name would be stopped with the first one.
            uuid=uuid.uuid4().hex,
            props=library.DeviceProps(os=device_name, platformType=library.DeviceProps.DESKTOP),
            # Without a device and without this, it would resume the first device that the store has.
            new_device=jid is None,
        )
        # Given to the constructor it would replace our uuid, and two devices of one number would collide.
        self.client.jid = jid
        # Garbage collection must not stop a client by its name.
        self.client._stop_finalizer.detach()  # noqa: SLF001

    @property
    def started(self) -> bool:
        """Only then is it in the library's maps for good, and may be asked for things."""
        return self._started.is_set() and not self._stopping

    async def start(self, proxy: Proxy | None) -> None:
        """Refused when the network cannot be reached; the library itself gives up after a minute at most."""
        self._listen()
        settings = library.ProxySettings(proxy_address=proxy.url) if proxy is not None else None
        self._task = await self.client.connect(settings)
        _called_by_go.append(self.client._connect_refs)  # noqa: SLF001
        started = asyncio.ensure_future(self._started.wait())
        try:
            await asyncio.wait({started, self._task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            started.cancel()
        if self._task.done() and not self._started.is_set():
            # What is left of it in the maps would stay there for ever.
            await self.stop()
            error = self._task.exception()
            raise start_problem_of(error) if error is not None else Refused("it ended by itself")
        self._task.add_done_callback(self._task_ended)

    async def stop(self) -> None:
        """Keeps the credentials.

        A pairing that is abandoned leaves its thread behind, which ends the process when its last code is
        over: pairings have a process of their own, which is killed.
        """
        self._stopping = True
        await self.client.stop()
        self.client.event.list_func.clear()
        if self._task is not None and self._paired:
            await asyncio.wait({self._task}, timeout=_STOP_PATIENCE)

    async def retire(self) -> bool:
        """Stops it for a successor, and tells whether its device is still in the store."""
        await self.client.disconnect()
        await asyncio.sleep(_LAST_WORDS)
        linked = bool(Account.of(await self.client.get_me()).device_jid)
        await self.stop()
        return linked

    def _listen(self) -> None:
        """Before the connect, because the library copies the list of handlers then."""
        self._hooks.attach(self.client)
        self.client.event.qr(self._qr_shown)
        loop, execute = asyncio.get_running_loop(), self.client.event.execute

        # Both are called in threads of Go, which asyncio does not know; what they raise nobody sees.
        def executed(name: int, binary: int, size: int, code: int) -> None:
            try:
                execute(name, binary, size, code)
            except Exception as error:
                fields = {"code": code, "error": type(error).__name__}
                log.warning("whatsapp_event_unreadable", extra={"fields": fields})
            if code == _STARTED:
                loop.call_soon_threadsafe(self._is_started)

        def login_status(_name: int, status: int) -> None:
            said = ctypes.string_at(status)
            loop.call_soon_threadsafe(self._hooks.login_said, said)

        self.client.event.execute = executed
        # The end of the codes is told here and nowhere else.
        self.client._NewAClient__onLoginStatus = login_status  # noqa: SLF001

    def _is_started(self) -> None:
        self._paired = True
        self._hooks.account_known(Account.of(self.client.me))
        self._started.set()

    async def _qr_shown(self, _client: Any, data: bytes) -> None:
        # In the pairing phase this is the first sign of life: the other events wait until it is over.
        self._started.set()
        self._hooks.qr_shown(data.decode())

    def _task_ended(self, task: asyncio.Task[Any]) -> None:
        """By itself: one event that the library cannot pack ends its report, while the connection goes on."""
        if self._stopping or task.cancelled():
            return
        error = task.exception()
        self._hooks.report_ended(words_of(error) if error is not None else "")
