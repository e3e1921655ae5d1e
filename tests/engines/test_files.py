"""Files from a sender's bytes to a phone, and from a phone to our storage."""

import asyncio
import hashlib
import io
from pathlib import Path

import pytest
from PIL import Image

from shared.contracts.messages import FileKind, ReceivedFile
from shared.contracts.told import FileKept, FileNotKept, MessageReceived
from shared.files.errors import MediaError
from shared.ids import Epoch
from tests.engines.node import WatchedNode, running_node
from tests.sandbox.conftest import anna, ben, sandbox
from tests.waiting import until
from worker.sandbox import media
from worker.sandbox.message_kinds import Outgoing
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox
from worker.spool import Spool

__all__ = ["anna", "ben", "sandbox"]


@pytest.fixture
async def node(sandbox: Sandbox, tmp_path: Path):
    async with running_node(sandbox, tmp_path) as running:
        yield running


def picture() -> bytes:
    data = io.BytesIO()
    Image.effect_noise((300, 200), 60).convert("RGB").save(data, "JPEG")
    return data.getvalue()


async def test_bytes_arrive_at_the_phone_as_they_were(node: WatchedNode, anna: Phone, ben: Phone):
    spec, data = await node.pair(anna), picture()
    to = f"{ben.number}@s.whatsapp.net"
    await node.node.files.send(spec.session, to, FileKind.IMAGE, data, caption="look")
    message = await asyncio.wait_for(ben.next_message(), 20)
    assert ben.read_file(message) == data
    image = message.content.imageMessage
    assert (image.caption, image.mimetype, image.width, image.height) == ("look", "image/jpeg", 300, 200)


async def test_a_stream_arrives_too_and_leaves_nothing_behind(node: WatchedNode, anna: Phone, ben: Phone):
    async def stream():
        for number in range(50):
            yield bytes([number]) * 10_000

    spec = await node.pair(anna)
    to = f"{ben.number}@s.whatsapp.net"
    await node.node.files.send(spec.session, to, FileKind.DOCUMENT, stream(), file_name="numbers.bin")
    message = await asyncio.wait_for(ben.next_message(), 20)
    assert ben.read_file(message) == b"".join(bytes([number]) * 10_000 for number in range(50))
    assert left_on_the_shelf(node) == []


def left_on_the_shelf(node: WatchedNode) -> list[Path]:
    return list((node.node.spool._path.parent / "shelf").iterdir())


async def test_what_is_no_picture_is_refused_in_words(node: WatchedNode, anna: Phone, ben: Phone):
    spec = await node.pair(anna)
    with pytest.raises(MediaError):
        await node.node.files.send(
            spec.session, f"{ben.number}@s.whatsapp.net", FileKind.IMAGE, b"no picture"
        )
    assert left_on_the_shelf(node) == []


async def test_a_received_file_is_kept_byte_for_byte(
    node: WatchedNode, anna: Phone, ben: Phone, tmp_path: Path
):
    await node.pair(anna)
    data = picture()
    message_id = await ben.send_file(anna, "image", data, "image/jpeg", caption="from Ben")
    told = await node.told(MessageReceived)
    assert isinstance(told.message.content, ReceivedFile)
    assert told.message.content.caption == "from Ben"
    kept = await node.told(FileKept)
    assert (kept.message.whatsapp_id, kept.sha256) == (message_id, hashlib.sha256(data).digest())
    assert stored(tmp_path, kept) == data
    await settled(node)


async def settled(node: WatchedNode) -> None:
    async def nothing_left() -> bool:
        return await node.node.spool.unfetched() == []

    await until(nothing_left)


def stored(folder: Path, kept: FileKept) -> bytes:
    return (folder / "media" / kept.key).read_bytes()


async def test_a_file_that_the_network_has_lost_is_told_as_such(
    node: WatchedNode, sandbox: Sandbox, anna: Phone, ben: Phone
):
    await node.pair(anna)
    content = media.file_message(sandbox.network.media, "image", picture(), "image/jpeg")
    remove(sandbox, content.imageMessage.directPath)
    await ben.send(anna, Outgoing(content, "media"))
    lost = await node.told(FileNotKept)
    assert lost.code == "file_gone"
    await settled(node)


def remove(sandbox: Sandbox, direct_path: str) -> None:
    (sandbox.network.media._folder / direct_path.partition("?")[0].rpartition("/")[2]).unlink()


async def test_files_that_were_not_fetched_are_fetched_after_a_restart(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
):
    """The message was shipped long ago; the worker ended before its file was there."""
    async with running_node(sandbox, tmp_path) as node:
        spec = await node.pair(anna)
        await ben.send_file(anna, "image", data := picture(), "image/jpeg")
        told = await node.told(MessageReceived)
        await node.told(FileKept)
    async with Spool(tmp_path / "spool.sqlite3") as spool:
        await spool.trim(await spool.append(spec.session, Epoch(1), told))
    async with running_node(sandbox, tmp_path) as node:
        node.node.engines.start(spec)
        kept = await node.told(FileKept)
        assert stored(tmp_path, kept) == data
        await settled(node)
