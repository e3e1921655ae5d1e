"""Stanzas of every form that the wire knows."""

from hypothesis import strategies as st

from worker.sandbox.wire import jids
from worker.sandbox.wire.jids import Jid
from worker.sandbox.wire.nodes import Content, Node

WORDS = ("message", "iq", "type", "result", "read-self", "s.whatsapp.net", "xmlstreamstart")
packed_nibbles = st.text("0123456789-.", max_size=140)
packed_hexes = st.text("0123456789ABCDEF", max_size=140)
texts = st.one_of(st.sampled_from(WORDS), packed_nibbles, packed_hexes, st.text(max_size=300))
users = st.one_of(st.text("0123456789", min_size=1, max_size=15), st.text(min_size=1, max_size=20))

device_jids = st.builds(
    Jid,
    users,
    st.sampled_from([jids.PHONE_NUMBER, jids.LID, jids.HOSTED, jids.HOSTED_LID]),
    st.integers(0, 255),
)
plain_jids = st.builds(Jid, st.one_of(st.just(""), users), st.sampled_from([jids.GROUP, "broadcast"]))
messenger_jids = st.builds(Jid, users, st.just(jids.MESSENGER), st.integers(0, 65_535))
interop_jids = st.builds(Jid, users, st.just(jids.INTEROP), st.integers(0, 65_535), st.integers(0, 65_535))
all_jids = st.one_of(st.just(jids.SERVER), device_jids, plain_jids, messenger_jids, interop_jids)

attributes = st.dictionaries(texts, st.one_of(texts, all_jids), max_size=6)
# Content that is text and has no short form arrives as bytes: the wire does not tell the two apart.
short_texts = st.one_of(st.sampled_from(WORDS), st.text("0123456789-.", min_size=1, max_size=127))
packed_texts = st.text("0123456789ABCDEF", min_size=1, max_size=127)
plain_leaves: st.SearchStrategy[Content] = st.one_of(
    st.none(), st.binary(max_size=400), st.just([]), packed_texts
)


def _trees(leaves: st.SearchStrategy[Content]) -> st.SearchStrategy[Node]:
    def parents(children: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        return st.builds(Node, texts, attributes, st.lists(children, max_size=4))

    return st.recursive(st.builds(Node, texts, attributes, leaves), parents, max_leaves=12)


nodes = _trees(st.one_of(plain_leaves, short_texts))
nodes_without_words = _trees(plain_leaves)
