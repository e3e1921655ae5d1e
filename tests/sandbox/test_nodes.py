"""Binary nodes: both directions are inverse, and hostile bytes are refused, never misunderstood."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.sandbox.wire_strategies import all_jids, nodes, nodes_without_words
from worker.sandbox.wire import tags
from worker.sandbox.wire.decoding import decode
from worker.sandbox.wire.dictionary import NO_WORDS
from worker.sandbox.wire.encoding import encode
from worker.sandbox.wire.errors import WireError
from worker.sandbox.wire.jids import LID, PHONE_NUMBER, SERVER, Jid
from worker.sandbox.wire.nodes import Node
from worker.sandbox.word_tables import read_dictionary

WORDS = read_dictionary()


@given(nodes, st.booleans())
def test_what_is_encoded_decodes_to_the_same_node(node: Node, compressed: bool) -> None:
    assert decode(encode(node, WORDS, compressed=compressed), WORDS) == node


@given(nodes_without_words)
def test_a_kept_stanza_needs_no_dictionary(node: Node) -> None:
    assert decode(encode(node, NO_WORDS), WORDS) == node


@given(all_jids)
def test_every_form_of_address_survives(jid: Jid) -> None:
    assert decode(encode(Node("iq", {"from": jid}), WORDS), WORDS).jid("from") == jid


@given(st.integers(0, 300))
def test_short_and_long_lists_survive(count: int) -> None:
    node = Node("list", {}, [Node("item", {"id": str(number)}) for number in range(count)])
    assert decode(encode(node, WORDS), WORDS) == node


@pytest.mark.parametrize("size", [0, 255, 256, (1 << 20) - 1, 1 << 20])
def test_bytes_of_every_size_survive(size: int) -> None:
    node = Node("enc", {}, bytes(size))
    assert decode(encode(node, WORDS), WORDS) == node


def test_the_server_is_written_as_a_pair_without_a_user() -> None:
    written = encode(Node("iq", {"from": SERVER}), WORDS)
    assert written.endswith(bytes([tags.JID_PAIR, tags.LIST_EMPTY, WORDS.numbers[PHONE_NUMBER][0]]))


def test_devices_are_written_short() -> None:
    written = encode(Node("to", {"jid": Jid("4915", LID, 3)}), WORDS)
    assert written.endswith(bytes([tags.DEVICE_JID, 1, 3, tags.NIBBLE_8, 2, 0x49, 0x15]))


def test_text_without_a_word_of_its_own_is_packed_where_it_can_be() -> None:
    written = encode(Node("ref", {}, "12-3"), NO_WORDS)
    assert written.endswith(bytes([tags.NIBBLE_8, 2, 0x12, 0xA3]))
    written = encode(Node("ref", {}, "ABC"), NO_WORDS)
    assert written.endswith(bytes([tags.HEX_8, 0x82, 0xAB, 0xCF]))


@given(st.binary(max_size=200))
@example(b"\x00\xf8\x00")
@example(b"\x02not zlib")
@example(bytes([0]) + bytes([tags.LIST_8, 2, 1, tags.LIST_8, 1]) * 60)
def test_hostile_bytes_are_a_node_or_a_wire_error(data: bytes) -> None:
    try:
        node = decode(data, WORDS)
    except WireError:
        return
    assert decode(encode(node, WORDS), WORDS) == node


@given(nodes, st.data())
def test_a_cut_node_is_refused(node: Node, data: st.DataObject) -> None:
    whole = encode(node, WORDS)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(WireError):
        decode(whole[:cut], WORDS)


def test_a_compressed_frame_that_grows_without_end_is_refused() -> None:
    bomb = encode(Node("enc", {}, bytes(1 << 25)), WORDS, compressed=True)
    with pytest.raises(WireError, match="too large"):
        decode(bomb, WORDS)


def test_the_dictionary_is_that_of_the_installed_library() -> None:
    assert len(WORDS.single) == 236
    assert [len(table) for table in WORDS.double] == [256] * 4
    assert WORDS.numbers["xmlstreamstart"] == b"\x01"
    assert WORDS.numbers["read-self"] == bytes([tags.DICTIONARY_0, 0])
