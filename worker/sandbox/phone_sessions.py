"""A phone's Signal sessions, one with each device that it has written to or heard from."""

import sqlite3
from collections.abc import Callable

from worker.sandbox.database import pack, unpack
from worker.sandbox.devices import DeviceName
from worker.sandbox.phone_keys import PhoneKeys
from worker.sandbox.signal import ratchet
from worker.sandbox.signal.errors import DuplicateMessageError, SignalError
from worker.sandbox.signal.handshake import accept_session, open_session
from worker.sandbox.signal.messages import PreKeyMessage, RatchetMessage
from worker.sandbox.signal.prekeys import Bundle
from worker.sandbox.signal.state import Session, SessionState

_RECENT = 256


class PhoneSessions:
    def __init__(self, database: sqlite3.Connection, number: str, keys: PhoneKeys) -> None:
        self._database = database
        self._number = number
        self._keys = keys
        # As they stand in the store, so that a conversation reads them from there once.
        self._recent: dict[DeviceName, Session] = {}

    def seal(
        self, peer: DeviceName, plain: bytes, identity: bytes, bundle: Callable[[], Bundle]
    ) -> tuple[str, bytes]:
        """A peer that was linked anew under its old number has another identity and needs a new session."""
        session = self._load(peer)
        if not session.states or session.states[0].peer_identity != identity:
            session.renew(open_session(self._keys.identity, bundle()))
        kind, sealed = ratchet.encrypt(session.states[0], plain, self._keys.registration_id)
        self._save(peer, session)
        return kind, sealed

    def open(self, peer: DeviceName, kind: str, sealed: bytes) -> bytes:
        if kind == "pkmsg":
            return self._open_introduced(peer, PreKeyMessage.parse(sealed))
        if kind == "msg":
            return self._open(peer, self._load(peer), RatchetMessage.parse(sealed))
        raise SignalError(f"a message of the unknown kind {kind!r}")

    def forget(self, peer: DeviceName) -> None:
        """The next message either way needs a new session."""
        self._recent.pop(peer, None)
        key = (self._number, str(peer))
        self._database.execute("DELETE FROM phone_sessions WHERE number = ? AND peer = ?", key)

    def _open_introduced(self, peer: DeviceName, message: PreKeyMessage) -> bytes:
        session = self._load(peer)
        inner = RatchetMessage.parse(message.message)
        # Peers introduce themselves until they hear an answer; the one-time key is gone after the first.
        if any(state.base_key == message.base_key for state in session.states):
            return self._open(peer, session, inner)
        # On a copy: what does not open must leave no trace.
        renewed = Session(list(session.states))
        renewed.renew(self._accept(message))
        plain = self._open(peer, renewed, inner)
        if message.prekey_id is not None:
            self._keys.use_up(message.prekey_id)
        return plain

    def _accept(self, message: PreKeyMessage) -> SessionState:
        signed = self._keys.signed_prekey(message.signed_prekey_id)
        prekey_id = message.prekey_id
        one_time = None if prekey_id is None else self._keys.one_time_prekey(prekey_id)
        if signed is None or (prekey_id is not None and one_time is None):
            raise SignalError("an introduction with keys that this phone no longer has")
        try:
            return accept_session(self._keys.identity, signed, one_time, message)
        except ValueError as error:
            raise SignalError("an introduction with keys that are none") from error

    def _open(self, peer: DeviceName, session: Session, message: RatchetMessage) -> bytes:
        for position, state in enumerate(session.states):
            try:
                after, plain = ratchet.decrypt(state, message)
            except DuplicateMessageError:
                raise
            except SignalError:
                continue
            session.states[position] = after
            session.promote(after)
            self._save(peer, session)
            return plain
        raise SignalError(f"no session with {peer} reads this message")

    def _load(self, peer: DeviceName) -> Session:
        known = self._recent.get(peer)
        if known is not None:
            return known
        query = "SELECT record FROM phone_sessions WHERE number = ? AND peer = ?"
        row = self._database.execute(query, (self._number, str(peer))).fetchone()
        return unpack(row[0], Session) if row else Session()

    def _save(self, peer: DeviceName, session: Session) -> None:
        self._recent[peer] = session
        if len(self._recent) > _RECENT:
            del self._recent[next(iter(self._recent))]
        row = (self._number, str(peer), pack(session))
        self._database.execute("INSERT OR REPLACE INTO phone_sessions VALUES (?, ?, ?)", row)
