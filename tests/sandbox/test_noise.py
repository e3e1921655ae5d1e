"""The handshake against a client that is written apart from the server."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sandbox.noise_client import NoiseClient
from worker.sandbox.library import CertChain
from worker.sandbox.root_key import issue_identity
from worker.sandbox.signal.curve import KeyPair, verify
from worker.sandbox.wire.errors import WireError
from worker.sandbox.wire.noise import Handshake

ROOT = KeyPair.generate()
IDENTITY = issue_identity(ROOT)


def test_both_sides_end_with_the_same_keys() -> None:
    server, client = Handshake(IDENTITY), NoiseClient(KeyPair.generate())
    finish = client.finish(server.answer(client.hello()), b"who I am")

    assert server.finish(finish) == (client.static.public, b"who I am")
    from_client, to_client = server.transport()
    sending, receiving = client.transport()
    assert [from_client.decrypt(sending.encrypt(text)) for text in (b"a", b"b")] == [b"a", b"b"]
    assert [receiving.decrypt(to_client.encrypt(text)) for text in (b"c", b"d")] == [b"c", b"d"]


def test_the_certificates_lead_from_the_root_key_to_the_static_key() -> None:
    server, client = Handshake(IDENTITY), NoiseClient(KeyPair.generate())
    client.finish(server.answer(client.hello()), b"")

    chain = CertChain.FromString(client.certificates)
    intermediate = CertChain.NoiseCertificate.Details.FromString(chain.intermediate.details)
    leaf = CertChain.NoiseCertificate.Details.FromString(chain.leaf.details)
    assert verify(ROOT.public, chain.intermediate.details, chain.intermediate.signature)
    assert verify(intermediate.key, chain.leaf.details, chain.leaf.signature)
    assert leaf.key == client.server_static == IDENTITY.static.public
    assert leaf.issuerSerial == intermediate.serial


@given(st.binary(max_size=80))
def test_a_hostile_hello_is_a_wire_error_or_gets_an_answer(data: bytes) -> None:
    with contextlib.suppress(WireError):
        assert Handshake(IDENTITY).answer(data)


@given(st.data())
def test_a_changed_finish_is_refused(data: st.DataObject) -> None:
    server, client = Handshake(IDENTITY), NoiseClient(KeyPair.generate())
    finish = bytearray(client.finish(server.answer(client.hello()), b"who I am"))
    position = data.draw(st.integers(0, len(finish) - 1))
    finish[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(WireError):
        server.finish(bytes(finish))
