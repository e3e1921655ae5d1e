"""What one end of a session remembers between messages."""

import msgspec

from worker.sandbox.signal.curve import KeyPair

_PREVIOUS_STATES = 10


class SendingChain(msgspec.Struct):
    ratchet: KeyPair
    key: bytes
    index: int = 0


class ReceivingChain(msgspec.Struct):
    """`skipped` holds the seeds of messages that were overtaken."""

    ratchet_key: bytes
    key: bytes
    index: int = 0
    skipped: dict[int, bytes] = {}


class Introduction(msgspec.Struct, frozen=True):
    """Goes in front of every message until the other side has answered."""

    base_key: bytes
    signed_prekey_id: int
    prekey_id: int | None


class SessionState(msgspec.Struct):
    """`base_key` names the state: a repeated introduction with it opens no second one."""

    own_identity: bytes
    peer_identity: bytes
    base_key: bytes
    root_key: bytes
    sending: SendingChain
    receiving: list[ReceivingChain] = []
    previous_counter: int = 0
    introduction: Introduction | None = None

    def copy(self) -> "SessionState":
        """Everything that a message may change, and no more."""
        receiving = [msgspec.structs.replace(chain, skipped=dict(chain.skipped)) for chain in self.receiving]
        sending = msgspec.structs.replace(self.sending)
        return msgspec.structs.replace(self, sending=sending, receiving=receiving)


class Session(msgspec.Struct):
    """The current state first; older ones still read what was under way when a newer one was made."""

    states: list[SessionState] = []

    def renew(self, state: SessionState) -> None:
        self.states = [state, *self.states][:_PREVIOUS_STATES]

    def promote(self, state: SessionState) -> None:
        self.states = [state, *(other for other in self.states if other is not state)]
