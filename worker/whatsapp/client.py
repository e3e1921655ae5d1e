"""One WhatsApp client on the library. Its hazards are met here, each where it bites."""

import asyncio
import ctypes
import uuid
from typing import Any

from worker.whatsapp import library
from worker.whatsapp.event_map import QR_PHASE_ENDS, STATE_EVENTS, meaning_of
from worker.whatsapp.incoming import receipt_of, text_of
from worker.whatsapp.jids import device_jid, parse_device_jid, parse_jid
from worker.whatsapp.lock import CallLock
from worker.whatsapp.port import Listener, NotConnected, Paired, QrShown, Refused, Sent, StateSeen

# The network's own life of the codes: a minute for the first one, then twenty seconds for each.
_FIRST_QR_SECONDS = 60
_NEXT_QR_SECONDS = 20
_STARTED = 0  # the library's internal event that says that a client stands in its maps
_START_PATIENCE = 60.0
_STOP_PATIENCE = 10.0


class LibraryClient:
    """Used once: paired or resumed, stopped, thrown away. A second connect would leak a thread for ever."""

    def __init__(self, address: str, lock: CallLock, listener: Listener, device_name: str) -> None:
        self._address = address
        self._lock = lock
        self._listener = listener
        self._device_name = device_name
        self._client: Any = None
        self._task: asyncio.Task[Any] | None = None
        self._started = asyncio.Event()
        self._qr_number = 0
        self._paired = False

    async def pair(self) -> None:
        await self._start(new_device=True)

    async def resume(self, device_jid: str) -> None:
        self._paired = True
        await self._start(jid=parse_device_jid(device_jid))

    async def pairing_code(self, phone: str) -> str:
        async with self._lock.shared():
            try:
                return str(await self._running().PairPhone(phone, True))
            except library.client.PairPhoneError as error:
                raise Refused(_words(error)) from None

    async def send_text(self, recipient: str, text: str) -> Sent:
        # A plain string would go out as extended text, with a search for links and mentions of its own.
        message = library.Message(conversation=text)
        async with self._lock.shared():
            client = self._running()
            if not await client.is_connected:
                raise NotConnected
            try:
                answer = await client.send_message(parse_jid(recipient), message)
            except library.client.SendMessageError as error:
                if "websocket not connected" in _words(error):
                    raise NotConnected from None
                raise Refused(_words(error)) from None
        return Sent(str(answer.ID), int(answer.Timestamp))

    async def log_out(self) -> None:
        async with self._lock.shared():
            try:
                await self._running().logout()
            except library.client.LogoutError as error:
                raise Refused(_words(error)) from None

    async def stop(self) -> None:
        """An abandoned pairing leaves its thread behind: such a client lives in a process of its own."""
        client, self._client = self._client, None
        if client is None:
            return
        async with self._lock.alone():
            await client.stop()
            if self._task is not None and self._paired:
                await asyncio.wait({self._task}, timeout=_STOP_PATIENCE)

    def _running(self) -> Any:
        # A call on a client that is not in the library's map ends the process; no exception can be caught.
        if self._client is None or not self._started.is_set():
            raise NotConnected
        return self._client

    async def _start(self, *, new_device: bool = False, jid: Any = None) -> None:
        if self._client is not None:
            raise RuntimeError("a client is started once")
        client = library.client.NewAClient(
            self._address,
            # Never used again: a second client of the same name would be stopped with the first one.
            uuid=uuid.uuid4().hex,
            props=library.DeviceProps(os=self._device_name, platformType=library.DeviceProps.DESKTOP),
            new_device=new_device,
        )
        # Given to the constructor it would replace our uuid, and two devices of one number would collide.
        client.jid = jid
        # Garbage collection must not stop a client by its name.
        client._stop_finalizer.detach()  # noqa: SLF001
        self._listen(client)
        async with self._lock.alone():
            self._client = client
            self._task = await client.connect()
            await self._until_started(self._task)

    async def _until_started(self, task: asyncio.Task[Any]) -> None:
        """The lock is held until the client stands in the library's maps, or has failed to."""
        started = asyncio.ensure_future(self._started.wait())
        try:
            async with asyncio.timeout(_START_PATIENCE):
                await asyncio.wait({started, task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            started.cancel()
        if task.done() and not self._started.is_set():
            self._client = None
            error = task.exception()
            raise Refused(_words(error) if error is not None else "it ended by itself") from error

    def _listen(self, client: Any) -> None:
        """Before the connect, because the library copies the list of handlers then."""
        for kind in STATE_EVENTS:
            client.event(kind)(self._state_seen)
        client.event(library.events.MessageEv)(self._message_seen)
        client.event(library.events.ReceiptEv)(self._receipt_seen)
        client.event.qr(self._qr_shown)
        loop, execute = asyncio.get_running_loop(), client.event.execute

        # Both are called in threads of Go, which asyncio does not know.
        def executed(name: int, binary: int, size: int, code: int) -> None:
            execute(name, binary, size, code)
            if code == _STARTED:
                loop.call_soon_threadsafe(self._started.set)

        def login_status(_name: int, status: int) -> None:
            said = ctypes.string_at(status)
            loop.call_soon_threadsafe(self._login_said, said)

        client.event.execute = executed
        # The end of the codes is told here and nowhere else.
        client._NewAClient__onLoginStatus = login_status  # noqa: SLF001

    async def _qr_shown(self, _client: Any, data: bytes) -> None:
        # In the pairing phase this is the first sign of life: the other events wait until it is over.
        self._started.set()
        self._qr_number += 1
        seconds = _FIRST_QR_SECONDS if self._qr_number == 1 else _NEXT_QR_SECONDS
        self._listener(QrShown(data.decode(), self._qr_number, seconds))

    def _login_said(self, status: bytes) -> None:
        meaning = QR_PHASE_ENDS.get(status)
        if meaning is not None:
            self._listener(StateSeen(meaning))

    async def _state_seen(self, _client: Any, event: Any) -> None:
        if isinstance(event, library.events.PairStatusEv) and event.Status == event.SUCCESS:
            self._paired = True
            self._listener(Paired(device_jid(event.ID), event.BusinessName, event.Platform))
        self._listener(StateSeen(meaning_of(event)))

    async def _message_seen(self, _client: Any, event: Any) -> None:
        told = text_of(event)
        if told is not None:
            self._listener(told)

    async def _receipt_seen(self, _client: Any, event: Any) -> None:
        self._listener(receipt_of(event))


def _words(error: BaseException) -> str:
    """Some of the library's errors carry bytes."""
    given = error.args[0] if error.args else error
    return given.decode(errors="replace") if isinstance(given, bytes) else str(given)
