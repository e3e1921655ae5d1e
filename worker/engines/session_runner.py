"""One session's life in the engine process: its client, what it is asked, and when it must end by itself."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from shared.contracts.told import Fenced, Meaning, StateSeen, Then, Told
from shared.session_state import Reason, SessionState
from worker.engines.words import (
    AskConnected,
    AskPairingCode,
    Command,
    Fetch,
    FindNumbers,
    LogOut,
    MarkRead,
    RejectCall,
    Send,
    SessionCommand,
    SetAvailable,
    SetTyping,
    Start,
    WatchPresence,
)
from worker.whatsapp.client import LibraryClient
from worker.whatsapp.lock import CallLock
from worker.whatsapp.port import WhatsAppClient

# What each command asks of the client, and the field of the answer for what it says.
_CALLS: Mapping[type[Command], tuple[str, Callable[[WhatsAppClient, Any], Awaitable[Any]]]] = {
    Send: ("sent", lambda client, asked: client.send(asked.recipient, asked.message)),
    MarkRead: (
        "",
        lambda client, asked: client.mark_read(
            asked.chat, asked.sender, asked.whatsapp_ids, played=asked.played
        ),
    ),
    SetTyping: ("", lambda client, asked: client.set_typing(asked.chat, asked.state)),
    SetAvailable: ("", lambda client, asked: client.set_available(asked.available)),
    WatchPresence: ("", lambda client, asked: client.watch_presence(asked.person)),
    FindNumbers: ("numbers", lambda client, asked: client.find_numbers(asked.phones)),
    Fetch: ("fetched", lambda client, asked: client.fetch(asked.ticket, asked.path)),
    RejectCall: ("", lambda client, asked: client.reject_call(asked.sender, asked.call_id)),
    AskPairingCode: ("code", lambda client, asked: client.pairing_code(asked.phone)),
    AskConnected: ("connected", lambda client, _: client.connected()),
    LogOut: ("", lambda client, _: client.log_out()),
}


_LOGGED_OUT = Meaning(SessionState.LOGGED_OUT, Reason.LOGGED_OUT_BY_USER, Then.FORGET)


class SessionRunner:
    """`ended` is set when the client has stopped, whoever wanted that."""

    def __init__(self, command: Start, lock: CallLock, tell: Callable[[Told], None]) -> None:
        self.epoch = command.epoch
        self.ended = asyncio.Event()
        self._tell = tell
        self._device_jid = command.device_jid
        self._stopping: asyncio.Task[None] | None = None
        self._client: WhatsAppClient = LibraryClient(
            command.address,
            lock,
            self._heard,
            command.device_name,
            command.proxy,
            probe_every=command.probe_every,
        )

    @property
    def stopping(self) -> bool:
        return self._stopping is not None or self.ended.is_set()

    async def start(self) -> None:
        try:
            if self._device_jid is None:
                await self._client.pair()
            else:
                await self._client.resume(self._device_jid)
        except BaseException:
            self.ended.set()
            raise

    async def obey(self, command: SessionCommand) -> dict[str, Any]:
        """The fields of the answer."""
        field, call = _CALLS[type(command)]
        said = await call(self._client, command)
        if isinstance(command, LogOut):
            # The library tells nothing of a log-out that it was asked for.
            self._heard(StateSeen(meaning=_LOGGED_OUT))
        return {field: said} if field else {}

    async def stop(self) -> None:
        """Also when it is stopping already; returns when it has."""
        self._begin_to_stop()
        await self.ended.wait()

    async def fence_off(self) -> None:
        await self.stop()
        self._tell(Fenced())

    def _heard(self, told: Told) -> None:
        self._tell(told)
        # The library goes on after a replacement or a ban, and would fight or knock again.
        if isinstance(told, StateSeen) and told.meaning.then is not Then.GO_ON:
            self._begin_to_stop()

    def _begin_to_stop(self) -> None:
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop())

    async def _stop(self) -> None:
        try:
            await self._client.stop()
        finally:
            self.ended.set()
