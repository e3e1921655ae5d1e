"""The double ratchet: a new key for every message, new agreements with every answer."""

import hmac

from worker.sandbox.signal import blocks, messages
from worker.sandbox.signal.curve import KeyPair
from worker.sandbox.signal.derivation import message_keys, message_seed, next_chain, next_root
from worker.sandbox.signal.errors import DuplicateMessageError, SignalError
from worker.sandbox.signal.messages import PreKeyMessage, RatchetMessage
from worker.sandbox.signal.state import ReceivingChain, SendingChain, SessionState

_FURTHEST_AHEAD = 2000
_RECEIVING_CHAINS = 5


def encrypt(state: SessionState, plain: bytes, registration_id: int) -> tuple[str, bytes]:
    """The kind of message the stanza must name, and the message."""
    chain = state.sending
    keys = message_keys(message_seed(chain.key))
    sealed = blocks.encrypt(keys.cipher, keys.iv, plain)
    signed = RatchetMessage.write(chain.ratchet.public, chain.index, state.previous_counter, sealed)
    message = signed + messages.mac(keys.mac, state.own_identity, state.peer_identity, signed)
    chain.key, chain.index = next_chain(chain.key), chain.index + 1
    introduction = state.introduction
    if introduction is None:
        return "msg", message
    introduced = PreKeyMessage(
        registration_id=registration_id,
        prekey_id=introduction.prekey_id,
        signed_prekey_id=introduction.signed_prekey_id,
        base_key=introduction.base_key,
        identity_key=state.own_identity,
        message=message,
    )
    return "pkmsg", introduced.to_bytes()


def decrypt(state: SessionState, message: RatchetMessage) -> tuple[SessionState, bytes]:
    """The text, and the state after it; the given state stays as it was, whatever happens."""
    after = state.copy()
    chain = _chain_for(after, message.ratchet_key)
    keys = message_keys(_seed(chain, message.counter))
    expected = messages.mac(keys.mac, after.peer_identity, after.own_identity, message.signed)
    if not hmac.compare_digest(expected, message.mac):
        raise SignalError("a message whose MAC does not fit the session")
    try:
        plain = blocks.decrypt(keys.cipher, keys.iv, message.ciphertext)
    except ValueError as error:
        raise SignalError("a message that does not decrypt") from error
    # The other side has our end of the session: no more introductions.
    after.introduction = None
    return after, plain


def _chain_for(state: SessionState, ratchet_key: bytes) -> ReceivingChain:
    for known in state.receiving:
        if known.ratchet_key == ratchet_key:
            return known
    try:
        root_key, chain_key = next_root(state.root_key, state.sending.ratchet.agree(ratchet_key))
        ratchet = KeyPair.generate()
        state.root_key, sending_key = next_root(root_key, ratchet.agree(ratchet_key))
    except ValueError as error:
        raise SignalError("a ratchet key that is none") from error
    chain = ReceivingChain(ratchet_key, chain_key)
    state.receiving = [*state.receiving, chain][-_RECEIVING_CHAINS:]
    state.previous_counter = max(state.sending.index - 1, 0)
    state.sending = SendingChain(ratchet, sending_key)
    return chain


def _seed(chain: ReceivingChain, counter: int) -> bytes:
    """The seed of one message's keys, keeping those of the messages that it overtook."""
    if counter < chain.index:
        try:
            return chain.skipped.pop(counter)
        except KeyError:
            raise DuplicateMessageError(f"message {counter} came before") from None
    if counter - chain.index > _FURTHEST_AHEAD:
        raise SignalError(f"message {counter} when {chain.index} was next")
    while chain.index < counter:
        chain.skipped[chain.index] = message_seed(chain.key)
        chain.key, chain.index = next_chain(chain.key), chain.index + 1
    seed = message_seed(chain.key)
    chain.key, chain.index = next_chain(chain.key), chain.index + 1
    return seed
