"""Any file into what WhatsApp takes of a kind, or a sentence that tells what to send instead."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path

from shared.contracts.messages import FileKind, OutgoingFile
from shared.files.errors import MediaCode, MediaError, too_large
from shared.files.threads import in_thread
from worker.media import detection, forms, names
from worker.media.detection import Detected
from worker.media.ffmpeg import Ffmpeg
from worker.media.limits import Limits
from worker.media.order import Made, Order
from worker.media.pictures import make_image, still
from worker.media.shelf import Shelf
from worker.media.sound import make_audio, make_voice
from worker.media.stickers import make_sticker
from worker.media.video import make_video

_Maker = Callable[[Order], Awaitable[Made]]
_PICTURE_MAKERS: Mapping[FileKind, _Maker] = {FileKind.IMAGE: make_image, FileKind.STICKER: make_sticker}
_MAKERS: Mapping[FileKind, _Maker] = {
    FileKind.VIDEO: make_video,
    FileKind.AUDIO: make_audio,
    FileKind.VOICE: make_voice,
}


class Preparer:
    """What it makes stands in the tray of the file that it is made of, and ends with it."""

    def __init__(self, shelf: Shelf, ffmpeg: Ffmpeg | None, limits: Limits | None = None) -> None:
        self._shelf = shelf
        self._ffmpeg = ffmpeg
        self._limits = limits or Limits()
        self._picture_turns = asyncio.Semaphore(self._limits.pictures_at_once)

    async def prepare(
        self,
        kind: FileKind,
        path: Path,
        *,
        mimetype: str = "",
        file_name: str = "",
        caption: str = "",
        view_once: bool = False,
        gif: bool = False,
        note: bool = False,
        convert: bool = True,
    ) -> OutgoingFile:
        """`mimetype` is what the sender calls it; the content decides, and a moving GIF becomes a video."""
        tray = self._shelf.tray_of(path)
        size = await in_thread(_size, path)
        if size > self._limits.taken_in(kind):
            raise too_large("The file", self._limits.taken_in(kind))
        detected = await detection.detect(path)
        order = Order(
            kind=kind,
            path=path,
            size=size,
            form=detected.form,
            tray=tray,
            limits=self._limits,
            ffmpeg=self._ffmpeg,
            convert=convert,
            gif=gif,
            note=note,
        )
        made = await self._made(order, detected, mimetype)
        size = await in_thread(_size, made.path)
        if size > self._limits.sent[made.kind]:
            raise too_large("The file", self._limits.sent[made.kind])
        return OutgoingFile(
            kind=made.kind,
            path=str(made.path),
            mimetype=made.mimetype,
            size=size,
            file_name=_named(made, file_name, converted=made.path != path),
            caption=caption,
            seconds=made.seconds,
            width=made.width,
            height=made.height,
            waveform=made.waveform,
            thumbnail=made.thumbnail,
            animated=made.animated,
            gif=made.gif,
            note=note,
            view_once=view_once,
        )

    async def _made(self, order: Order, detected: Detected, told: str) -> Made:
        if order.kind is FileKind.DOCUMENT:
            return _document(order, detection.agreed(detected.mimetype, told))
        if order.kind is FileKind.IMAGE and order.form == forms.GIF and await self._moves(order):
            order = replace(order, kind=FileKind.VIDEO)
        if order.kind in _PICTURE_MAKERS:
            async with self._picture_turns:
                return await _PICTURE_MAKERS[order.kind](order)
        return await _MAKERS[order.kind](order)

    async def _moves(self, order: Order) -> bool:
        async with self._picture_turns:
            return not await in_thread(still, order)


def _document(order: Order, mimetype: str) -> Made:
    extension = names.extension_of(mimetype)
    return Made(kind=order.kind, path=order.path, mimetype=mimetype, extension=extension)


def _size(path: Path) -> int:
    size = path.stat().st_size
    if not size:
        raise MediaError(MediaCode.FILE_EMPTY, "The file is empty. Send one that has content.")
    return size


def _named(made: Made, name: str, *, converted: bool) -> str:
    if made.kind is FileKind.DOCUMENT:
        return names.named(name, made.mimetype)
    return names.renamed(name, made.extension) if converted else names.safe_name(name)
