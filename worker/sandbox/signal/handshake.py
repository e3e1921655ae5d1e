"""X3DH: two devices agree on a first key although one of them may be away."""

from worker.sandbox.signal.curve import KeyPair
from worker.sandbox.signal.derivation import first_keys, next_root
from worker.sandbox.signal.errors import SignalError
from worker.sandbox.signal.messages import PreKeyMessage
from worker.sandbox.signal.prekeys import Bundle
from worker.sandbox.signal.state import Introduction, ReceivingChain, SendingChain, SessionState


def open_session(own: KeyPair, bundle: Bundle) -> SessionState:
    """The end that speaks first."""
    if not bundle.is_genuine():
        raise SignalError("a signed prekey whose signature is not by its identity")
    base, ratchet = KeyPair.generate(), KeyPair.generate()
    signed, one_time = bundle.signed, bundle.one_time
    agreements = own.agree(signed.public) + base.agree(bundle.identity) + base.agree(signed.public)
    if one_time:
        agreements += base.agree(one_time.public)
    root_key, chain_key = first_keys(agreements)
    # The other side answers first with its signed prekey as ratchet key, on the chain just agreed.
    receiving = ReceivingChain(signed.public, chain_key)
    root_key, chain_key = next_root(root_key, ratchet.agree(signed.public))
    return SessionState(
        own_identity=own.public,
        peer_identity=bundle.identity,
        base_key=base.public,
        root_key=root_key,
        sending=SendingChain(ratchet, chain_key),
        receiving=[receiving],
        introduction=Introduction(base.public, signed.key_id, one_time.key_id if one_time else None),
    )


def accept_session(
    own: KeyPair, signed_prekey: KeyPair, one_time: KeyPair | None, message: PreKeyMessage
) -> SessionState:
    """The end that is spoken to. Its signed prekey is its first ratchet key."""
    agreements = (
        signed_prekey.agree(message.identity_key)
        + own.agree(message.base_key)
        + signed_prekey.agree(message.base_key)
    )
    if one_time:
        agreements += one_time.agree(message.base_key)
    root_key, chain_key = first_keys(agreements)
    return SessionState(
        own_identity=own.public,
        peer_identity=message.identity_key,
        base_key=message.base_key,
        root_key=root_key,
        sending=SendingChain(signed_prekey, chain_key),
    )
