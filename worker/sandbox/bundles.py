"""The public keys of a device as stanzas."""

from worker.sandbox.signal.prekeys import Bundle, PreKey, SignedPreKey
from worker.sandbox.wire.errors import WireError
from worker.sandbox.wire.nodes import Node, node


def bundle_nodes(bundle: Bundle) -> list[Node]:
    """Without the identity of the device, which each place puts elsewhere."""
    nodes = [
        node("registration", content=bundle.registration_id.to_bytes(4, "big")),
        node("type", content=b"\x05"),
        node("identity", content=bundle.identity),
        # Ids are three bytes wide and keys without their type, other than inside Signal messages.
        node("skey", content=[*_key(bundle.signed), node("signature", content=bundle.signed.signature)]),
    ]
    if bundle.one_time:
        nodes.append(node("key", content=_key(bundle.one_time)))
    return nodes


def read_bundle(stanza: Node) -> Bundle | None:
    """Out of a request to send again; None when the asker left its keys out."""
    keys = stanza.child("keys")
    signed, one_time = (keys.child("skey"), keys.child("key")) if keys else (None, None)
    if keys is None or signed is None:
        return None
    return Bundle(
        int.from_bytes(_exactly(4, stanza, "registration"), "big"),
        _exactly(32, keys, "identity"),
        read_signed_prekey(signed),
        read_prekey(one_time) if one_time else None,
    )


def read_prekey(key: Node) -> PreKey:
    return PreKey(_key_id(key), _exactly(32, key, "value"))


def read_signed_prekey(key: Node) -> SignedPreKey:
    return SignedPreKey(_key_id(key), _exactly(32, key, "value"), _exactly(64, key, "signature"))


def _key(key: PreKey | SignedPreKey) -> list[Node]:
    return [node("id", content=key.key_id.to_bytes(3, "big")), node("value", content=key.public)]


def _key_id(key: Node) -> int:
    return int.from_bytes(_exactly(3, key, "id"), "big")


def _exactly(length: int, key: Node, part: str) -> bytes:
    data = key.data(part)
    if len(data) != length:
        raise WireError(f"a key whose {part} is {len(data)} bytes long")
    return data
