"""From the library's events to what we tell. Nothing that a stranger sends may break a handler."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from shared.contracts.told import MessageReceived, Told
from worker.whatsapp import library
from worker.whatsapp.account import Account
from worker.whatsapp.incoming import notices
from worker.whatsapp.incoming.contents import Chosen
from worker.whatsapp.incoming.envelope import envelope_of
from worker.whatsapp.incoming.history import parts_of
from worker.whatsapp.incoming.messages import read_message, unreadable
from worker.whatsapp.port import Listener

log = logging.getLogger(__name__)

_events = library.events
_NOTICES: Mapping[type, Callable[[Any], Told]] = {
    _events.ReceiptEv: notices.receipt,
    _events.ChatPresenceEv: notices.typing,
    _events.PresenceEv: notices.presence,
    _events.CallOfferEv: lambda event: notices.call(event, "offered"),
    _events.CallOfferNoticeEv: lambda event: notices.call(event, "offered"),
    _events.CallTerminateEv: lambda event: notices.call(event, "ended"),
    _events.JoinedGroupEv: notices.joined,
}


class Listening:
    """`votes` opens the vote of a poll, which the library can and we cannot."""

    def __init__(
        self,
        tell: Listener,
        account: Callable[[], Account],
        votes: Callable[[Any], Awaitable[tuple[bytes, ...]]],
    ) -> None:
        self._tell = tell
        self._account = account
        self._votes = votes

    def attach(self, client: Any) -> None:
        for kind, told in _NOTICES.items():
            client.event(kind)(guarded(self._notice(told)))
        client.event(_events.MessageEv)(guarded(self._message))
        client.event(_events.HistorySyncEv)(guarded(self._history))
        client.event(_events.GroupInfoEv)(guarded(self._group))
        client.event(library.UndecryptableMessage)(guarded(self._undecryptable))

    def _notice(self, told: Callable[[Any], Told]) -> Callable[[Any], Awaitable[None]]:
        async def tell(event: Any) -> None:
            self._tell(told(event))

        return tell

    async def _group(self, event: Any) -> None:
        self._tell(notices.group_changed(event, self._account()))

    async def _undecryptable(self, event: Any) -> None:
        self._tell(notices.undecryptable(event, self._account()))

    async def _message(self, event: Any) -> None:
        envelope = envelope_of(event, self._account())
        try:
            chosen = await self._chosen(event)
            message = read_message(event.Message, envelope, chosen)
        except Exception as error:
            _log_unreadable(event, error)
            message = unreadable(envelope)
        if message is not None:
            self._tell(MessageReceived(message=message))

    async def _chosen(self, event: Any) -> Chosen:
        """None where it cannot be opened: the poll is older than this device, or the vote is forged."""
        if not event.Message.HasField("pollUpdateMessage"):
            return None
        try:
            return await self._votes(event)
        except Exception as error:
            _log_unreadable(event, error)
            return None

    async def _history(self, event: Any) -> None:
        for part in parts_of(event.Data, self._account()):
            self._tell(part)
            # It may be large, and others of this engine wait.
            await asyncio.sleep(0)


def guarded(handle: Callable[[Any], Awaitable[None]]) -> Callable[[Any, Any], Awaitable[None]]:
    """As the library calls it; what a handler raises would be seen by nobody."""

    async def handler(_client: Any, event: Any) -> None:
        try:
            await handle(event)
        except Exception as error:
            _log_unreadable(event, error)

    return handler


def _log_unreadable(event: Any, error: Exception) -> None:
    # The words of an error may hold the text that caused it.
    fields = {"kind": type(event).__name__, "error": type(error).__name__}
    log.warning("whatsapp_event_unreadable", extra={"fields": fields})
