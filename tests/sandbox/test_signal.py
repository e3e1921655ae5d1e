"""Sessions of two phones: whatever comes late, twice or not at all, each text is read once and whole."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.sandbox.chance import Chance
from worker.sandbox.database import open_database
from worker.sandbox.devices import DeviceName
from worker.sandbox.phone_keys import PhoneKeys
from worker.sandbox.phone_sessions import PhoneSessions
from worker.sandbox.signal.curve import KeyPair, verify
from worker.sandbox.signal.errors import DuplicateMessageError, SignalError

ANNA, BEN = DeviceName("1", 0), DeviceName("2", 0)


class Peer:
    def __init__(self, database: sqlite3.Connection, name: DeviceName) -> None:
        self.name = name
        self.keys = PhoneKeys(database, name.number, Chance())
        self.sessions = PhoneSessions(database, name.number, self.keys)

    def seal(self, peer: "Peer", text: bytes) -> tuple[str, bytes]:
        return self.sessions.seal(peer.name, text, peer.keys.identity.public, peer.keys.bundle)

    def open(self, peer: "Peer", kind: str, sealed: bytes) -> bytes:
        return self.sessions.open(peer.name, kind, sealed)


@contextmanager
def peers() -> Iterator[tuple[Peer, Peer]]:
    with closing(open_database(Path(":memory:"))) as database:
        yield Peer(database, ANNA), Peer(database, BEN)


def test_introductions_end_with_the_first_answer() -> None:
    with peers() as (anna, ben):
        for text in (b"one", b"two"):
            kind, sealed = anna.seal(ben, text)
            assert kind == "pkmsg"
            assert ben.open(anna, kind, sealed) == text
        kind, sealed = ben.seal(anna, b"answer")
        assert kind == "msg"
        assert anna.open(ben, kind, sealed) == b"answer"
        assert anna.seal(ben, b"three")[0] == "msg"


Steps = list[tuple[bool, int, bool]]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.booleans()), max_size=30))
def test_late_repeated_and_lost_messages(steps: Steps) -> None:
    """Each step sends one text and then takes one of those under way, or loses it."""
    with peers() as (anna, ben):
        under_way: list[tuple[Peer, Peer, bytes, tuple[str, bytes]]] = []
        for number, (from_anna, choice, lost) in enumerate(steps):
            sender, receiver = (anna, ben) if from_anna else (ben, anna)
            text = f"text {number}".encode()
            under_way.append((sender, receiver, text, sender.seal(receiver, text)))
            sender, receiver, text, sealed = under_way.pop(choice % len(under_way))
            if not lost:
                assert receiver.open(sender, *sealed) == text
                with pytest.raises(DuplicateMessageError):
                    receiver.open(sender, *sealed)
        for sender, receiver, text, sealed in under_way:
            assert receiver.open(sender, *sealed) == text


def test_both_may_open_a_session_at_once() -> None:
    with peers() as (anna, ben):
        from_anna, from_ben = anna.seal(ben, b"a"), ben.seal(anna, b"b")
        assert ben.open(anna, *from_anna) == b"a"
        assert anna.open(ben, *from_ben) == b"b"
        for number in range(4):
            text = str(number).encode()
            assert ben.open(anna, *anna.seal(ben, text)) == text
            assert anna.open(ben, *ben.seal(anna, text)) == text


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_message_is_refused_and_harms_nothing(place: int, change: int) -> None:
    with peers() as (anna, ben):
        kind, sealed = anna.seal(ben, b"genuine")
        changed = bytearray(sealed)
        # The length differs from run to run, with the keys: what is drawn must not depend on it.
        changed[place % len(sealed)] ^= change
        try:
            assert ben.open(anna, kind, bytes(changed)) == b"genuine"
        except SignalError:
            assert ben.open(anna, kind, sealed) == b"genuine"


def test_a_peer_linked_anew_gets_a_new_session() -> None:
    with peers() as (anna, ben):
        ben.open(anna, *anna.seal(ben, b"before"))
        with peers() as (_, another_ben):
            kind, sealed = anna.seal(another_ben, b"after")
            assert kind == "pkmsg"
            assert another_ben.open(anna, kind, sealed) == b"after"


@given(st.binary(max_size=100))
def test_signatures_hold_for_their_message_alone(message: bytes) -> None:
    pair = KeyPair.generate()
    signature = pair.sign(message)
    assert verify(pair.public, message, signature)
    assert not verify(pair.public, message + b"!", signature)
    assert not verify(KeyPair.generate().public, message, signature)
