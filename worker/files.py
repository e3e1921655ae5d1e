"""Files between sessions and storage: those to be sent are made fit, those received are kept."""

import asyncio
import logging
from collections.abc import AsyncIterable, Callable
from pathlib import Path
from typing import Any

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from shared.contracts.commands import FileWish, SendWish
from shared.contracts.messages import (
    FileKind,
    MessageKey,
    OutgoingMessage,
    ReceivedFile,
    ReceivedMessage,
    Sent,
    StoredFile,
)
from shared.contracts.told import FileKept, FileNotKept, MessageReceived, StateSeen, Told
from shared.files.errors import MediaCode, MediaError
from shared.files.storage import ObjectStorage
from shared.session_state import SessionState
from worker.engines.fleet import FleetOfEngines
from worker.engines.session_spec import SessionSpec
from worker.engines.words import Fetch, Send
from worker.media.ffmpeg import Ffmpeg
from worker.media.intake import take_in
from worker.media.keeper import Keeper
from worker.media.limits import Limits
from worker.media.prepare import Preparer
from worker.media.shelf import Shelf
from worker.spool import Spool
from worker.whatsapp.port import Fetched, Gone, NotConnected, Refused

log = logging.getLogger(__name__)

_FETCH_PATIENCE = 300.0
# The network may be silent for a moment; a file that is not what it should be stays so.
_patiently = retry(
    retry=retry_if_exception_type(Refused),
    stop=stop_after_attempt(3),
    wait=wait_random_exponential(multiplier=1, max=10),
    reraise=True,
)


class Files:
    """`tell` takes what became of a received file, and its message's position in the spool, if any."""

    def __init__(
        self,
        *,
        engines: FleetOfEngines,
        spool: Spool,
        shelf: Shelf,
        storage: ObjectStorage,
        ffmpeg: Ffmpeg | None,
        tell: Callable[[SessionSpec, Told, int | None], None],
    ) -> None:
        self._engines = engines
        self._spool = spool
        self._shelf = shelf
        self._tell = tell
        self._storage = storage
        self._limits = Limits()
        self._preparer = Preparer(shelf, ffmpeg, self._limits)
        self._keeper = Keeper(shelf, storage, limits=self._limits, gone=(Gone,))
        # By the position of the message: what is under way is not begun twice.
        self._under_way: dict[int | FileWish, asyncio.Task[None]] = {}
        self._resuming: set[asyncio.Task[None]] = set()
        self._closed = False

    async def send(
        self,
        session: str,
        recipient: str,
        kind: FileKind,
        source: bytes | AsyncIterable[bytes],
        **details: Any,
    ) -> Sent:
        """`details` as for preparing; MediaError tells what is wrong with the file."""
        async with self._shelf.tray() as tray:
            taken = await take_in(tray, source, self._limits.taken_in(kind))
            content = await self._preparer.prepare(kind, taken.path, **details)
            message = OutgoingMessage(content=content)
            return await self._engines.send(session, Send(recipient=recipient, message=message))

    async def send_stored(self, session: str, wish: SendWish, file: StoredFile) -> Sent:
        """`file` is the wish's content. MediaError: nothing was sent, for a reason that its words tell."""
        async with self._shelf.tray() as tray:
            source = self._storage.get(file.key)
            taken = await take_in(tray, source, self._limits.taken_in(file.kind), announced=file.size)
            if taken.sha256 != file.sha256:
                raise MediaError(MediaCode.FILE_ALTERED, "The stored file is not the one that was handed in.")
            content = await self._preparer.prepare(
                file.kind,
                taken.path,
                mimetype=file.mimetype,
                file_name=file.file_name,
                caption=file.caption,
                view_once=file.view_once,
                gif=file.gif,
                note=file.note,
                convert=file.convert,
            )
            message = OutgoingMessage(
                content=content, reply_to=wish.reply_to, mentions=wish.mentions, forwarded=wish.forwarded
            )
            return await self._engines.send(session, Send(recipient=wish.recipient, message=message))

    def heard(self, spec: SessionSpec, told: Told, written: "asyncio.Future[int] | None") -> None:
        """A file is fetched at once, and again at each new connection until its fate is known."""
        if self._closed:
            return
        if isinstance(told, StateSeen) and told.meaning.state is SessionState.CONNECTED:
            task = asyncio.ensure_future(self._resume(spec))
            self._resuming.add(task)
            task.add_done_callback(self._resuming.discard)
        elif isinstance(told, MessageReceived) and written is not None:
            message = told
            written.add_done_callback(lambda done: self._begin(spec, message, done))

    def fetch_again(self, spec: SessionSpec, wish: FileWish) -> None:
        """Somebody asks for it; unlike a new one it is tried once, and they may ask again."""
        if wish in self._under_way or self._closed:
            return
        message = ReceivedMessage(
            whatsapp_id=wish.message.whatsapp_id,
            chat=wish.chat,
            sender=wish.message.sender,
            timestamp=0,
            content=wish.content,
        )
        task = asyncio.ensure_future(self._keep(spec, MessageReceived(message=message), None))
        self._under_way[wish] = task
        task.add_done_callback(lambda _: self._under_way.pop(wish, None))

    async def close(self) -> None:
        self._closed = True
        tasks = [*self._under_way.values(), *self._resuming]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, spec: SessionSpec, told: MessageReceived, written: "asyncio.Future[int]") -> None:
        if not written.cancelled() and isinstance(told.message.content, ReceivedFile):
            self._keep_in_a_task(spec, told, written.result())

    async def _resume(self, spec: SessionSpec) -> None:
        after = 0
        while events := await self._spool.unfetched(after):
            after = events[-1].position
            for event in events:
                if event.session == spec.session and isinstance(event.told, MessageReceived):
                    self._keep_in_a_task(spec, event.told, event.position)

    def _keep_in_a_task(self, spec: SessionSpec, told: MessageReceived, position: int) -> None:
        if position not in self._under_way and not self._closed:
            task = self._under_way[position] = asyncio.ensure_future(self._keep(spec, told, position))
            task.add_done_callback(lambda _: self._under_way.pop(position, None))

    async def _keep(self, spec: SessionSpec, told: MessageReceived, position: int | None) -> None:
        message, content = told.message, told.message.content
        if not isinstance(content, ReceivedFile):
            return

        @_patiently
        async def fetch(path: Path) -> Fetched:
            command = Fetch(ticket=content.ticket, path=str(path))
            answer = await self._engines.ask(spec.session, command, _FETCH_PATIENCE)
            if answer.fetched is None:
                raise Refused("the engine answered without a file")
            return answer.fetched

        what: dict[str, Any] = {
            "message": MessageKey(whatsapp_id=message.whatsapp_id, sender=message.sender),
            "chat": message.chat,
        }
        try:
            kept = await self._keeper.keep(
                spec.session_id, message.whatsapp_id, fetch, content, content.ticket
            )
        except NotConnected:
            if position is None:
                words = "The session was not connected. Ask for the file again when it is."
                self._tell(spec, FileNotKept(**what, code="session_not_connected", words=words), None)
            # Otherwise at the next connection.
        except MediaError as error:
            self._tell(spec, FileNotKept(**what, code=error.code.value, words=error.words), position)
        except Refused as error:
            self._tell(spec, FileNotKept(**what, code="file_refused", words=str(error)), position)
        else:
            fields = {name: getattr(kept, name) for name in ("key", "size", "sha256", "content_type")}
            self._tell(spec, FileKept(**what, **fields), position)
