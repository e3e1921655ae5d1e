"""Stanzas that no honest client sends once it is logged in: they end its connection or do nothing."""

import copy
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.client import companion
from tests.sandbox.honest_stanzas import honest_stanzas
from tests.sandbox.raw_client import inside_tls
from worker.sandbox.connection import Connection
from worker.sandbox.devices import Device, DeviceName
from worker.sandbox.library import ClientPayload
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox
from worker.sandbox.signal.curve import KeyPair
from worker.sandbox.signal.prekeys import SignedPreKey
from worker.sandbox.wire.decoding import decode
from worker.sandbox.wire.dictionary import NO_WORDS
from worker.sandbox.wire.encoding import encode
from worker.sandbox.wire.errors import WireError
from worker.sandbox.wire.frames import frame
from worker.sandbox.wire.jids import SERVER, Jid
from worker.sandbox.wire.nodes import Node, node

ANNA, BEN = "4915559000001", "4915559000002"
DEVICE = DeviceName(ANNA, 1)
STRANGE_VALUES = [
    "",
    "-1",
    "9" * 40,
    "no such thing",
    "4915559000002@s.whatsapp.net",
    "x" * 5000,
    SERVER,
    Jid("49155500", "lid", 255),
    Jid(BEN, "msgr", 65_535),
    Jid(BEN, "s.whatsapp.net", 99),
    Jid("120363", "g.us"),
]
STRANGE_CONTENTS = [
    None,
    b"",
    b"\xff\xfe\0",
    b"[" * 5000,
    "text",
    [],
    [node("x")],
    [node("x", content=b"y")] * 3,
]


class Hostile:
    """A companion of Anna that says whatever it is given, and whose answers are all written out."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.network = sandbox.network
        self.connection = self._connect()

    def says(self, stanza: Node) -> None:
        # Through the wire, so that only what can arrive does.
        arrived = decode(encode(stanza, NO_WORDS), NO_WORDS)
        try:
            self.network._handle(self.connection, arrived)
        except WireError:
            self.connection.end("hostile")
        while not self.connection._outgoing.empty():
            answer = self.connection._outgoing.get_nowait()
            if answer is not None:
                encode(answer, NO_WORDS)
        if self.connection.ending:
            self.connection = self._connect()

    def _connect(self) -> Connection:
        connection = Connection(None, NO_WORDS, self.network._departed)  # type: ignore[arg-type]
        connection.device = DEVICE
        self.network.online[DEVICE] = connection
        return connection


def spoiled(stanza: Node) -> Iterator[Node]:
    """In one place each: every attribute missing or strange, every content of another form."""
    for path in _paths(stanza):
        part = _at(stanza, path)
        for name in part.attrs:
            yield _changed(stanza, path, drop=name)
            for value in STRANGE_VALUES:
                yield _changed(stanza, path, attrs={name: value})
        for content in STRANGE_CONTENTS:
            yield _changed(stanza, path, content=content)


async def test_nothing_that_a_client_can_say_is_more_than_refused(tmp_path: Path) -> None:
    async with Sandbox(tmp_path) as sandbox:
        anna = await sandbox.network.new_phone(ANNA, "Anna")
        ben = await sandbox.network.new_phone(BEN, "Ben")
        group = await ben.new_group("Both", anna)
        sandbox.network.group_life.change_members(group, ben.account, "promote", [anna.account])
        sandbox.network.devices.link(companion_device(KeyPair.generate()))
        ben.set_presence(available=True)
        honest = honest_stanzas(anna.account.lid_jid, ben.account.lid_jid, group.jid)
        hostile, tried = Hostile(sandbox), 0
        for stanza in honest:
            hostile.says(stanza)
            for variant in spoiled(stanza):
                hostile.says(variant)
                tried += 1
        assert tried > 5000


HOSTILE = [
    node("presence", {"type": "omnipresent"}),
    node("chatstate", {"to": Jid(BEN, "s.whatsapp.net")}, [node("composing"), node("paused")]),
    node("chatstate", {"to": Jid(BEN, "s.whatsapp.net")}, [node("dancing")]),
    node("call", {"to": Jid(BEN, "s.whatsapp.net"), "id": "1"}),
    node(
        "iq",
        {"id": "1", "type": "set", "xmlns": "w:sync:app:state"},
        [node("sync", content=[node("collection", {"name": "no such thing"})])],
    ),
    node(
        "iq",
        {"id": "1", "type": "set", "xmlns": "w:sync:app:state"},
        [node("sync", content=[node("collection", {"name": "regular"}, [node("patch", content=b"\xff")])])],
    ),
    node("iq", {"id": "1", "type": "get", "xmlns": "w:mex"}, [node("query", content=b"[" * 100_000)]),
]


@pytest.mark.parametrize("stanza", HOSTILE, ids=str)
async def test_it_ends_that_connection_with_one_line_in_the_log_and_no_other(
    sandbox: Sandbox, anna: Phone, ben: Phone, stanza: Node, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    noise, name = KeyPair.generate(), DeviceName(ben.number, 7)
    sandbox.network.devices.link(companion_device(noise, name))
    payload = ClientPayload(username=int(ben.number), device=7)
    async with companion(sandbox, anna, tmp_path) as (client, _), inside_tls(sandbox) as hostile:
        await hostile.upgrade()
        sending, _ = await hostile.shake_hands(payload.SerializeToString(), noise)
        hostile.send(frame(sending.encrypt(encode(stanza, NO_WORDS))))
        assert await hostile.is_closed()
        await ben.send_text(anna, "all is well")
        assert (await client.event("message"))["text"] == "all is well"
        assert not client.has("disconnected")
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(lines) == 1
    assert lines[0].startswith("sandbox_connection_ended")


def companion_device(noise: KeyPair, name: DeviceName = DEVICE) -> Device:
    identity, signed = KeyPair.generate(), KeyPair.generate()
    prekey = SignedPreKey.issue(1, signed.public, identity)
    return Device(name, noise.public, identity.public, 1, prekey, greeted=True)


def _paths(stanza: Node) -> Iterator[tuple[int, ...]]:
    yield ()
    for place, child in enumerate(stanza.children):
        yield from ((place, *path) for path in _paths(child))


def _at(stanza: Node, path: tuple[int, ...]) -> Node:
    return _at(stanza.children[path[0]], path[1:]) if path else stanza


def _changed(stanza: Node, path: tuple[int, ...], *, drop: str = "", attrs=None, content=...) -> Node:
    whole = copy.deepcopy(stanza)
    part = _at(whole, path)
    part.attrs = {name: value for name, value in {**part.attrs, **(attrs or {})}.items() if name != drop}
    if content is not ...:
        part.content = content
    return whole
