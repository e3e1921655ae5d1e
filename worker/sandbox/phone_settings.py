"""What the owner has set on the phone and shares with its companions: so far the name shown to others.

A client learns its own name in no other way. Pairing does not tell it, nor do messages of its phone or the
push names of the history; and without a name it refuses to say that it is available.
"""

import logging
from typing import TYPE_CHECKING, Any

from worker.sandbox.app_state.keys import SyncKey
from worker.sandbox.app_state.patches import Change, PatchError, open_patch, replay, seal
from worker.sandbox.devices import DeviceName
from worker.sandbox.library import Message, SyncActionValue
from worker.sandbox.signal.curve import KeyPair
from worker.sandbox.signal.derivation import derive

if TYPE_CHECKING:
    from worker.sandbox.network import Network

log = logging.getLogger(__name__)

_KEY_SHARE = 6
_NAMES = "critical_block"
_PUSH_NAME = "setting_pushName"


class PhoneSettings:
    def __init__(self, network: "Network", number: str, identity: KeyPair) -> None:
        self._network = network
        self._name = DeviceName(number, 0)
        # Made from the identity, so that there is nothing to keep beside it.
        secret = derive(identity.private, b"Waypost sandbox app state", 38)
        self._key = SyncKey(secret[:6], secret[6:])

    def key_share(self) -> Any:
        """The message that lets a companion read the app state; with it in hand it fetches all of it."""
        if not self._network.app_state.version(self._name.number, _NAMES):
            self._write_push_name(self._network.accounts.known(self._name.number).name)
        content: Any = Message()
        content.protocolMessage.type = _KEY_SHARE
        key = content.protocolMessage.appStateSyncKeyShare.keys.add()
        key.keyID.keyID = self._key.key_id
        key.keyData.keyData = self._key.secret
        key.keyData.fingerprint.rawID = int.from_bytes(self._key.key_id[:4], "big")
        key.keyData.fingerprint.currentIndex = 0
        key.keyData.fingerprint.deviceIndexes.append(0)
        key.keyData.timestamp = 1
        return content

    def set_push_name(self, name: str) -> None:
        self._network.accounts.rename(self._name.number, name)
        version = self._write_push_name(name)
        self._network.account_life.app_state_changed(self._name, _NAMES, version)

    def changed(self, collection: str, version: int) -> None:
        """By a companion."""
        if collection != _NAMES:
            return
        for patch in self._network.app_state.patches(self._name.number, collection, version - 1):
            try:
                changes = open_patch(self._key, patch)
            except PatchError as error:
                log.info("sandbox_phone_cannot_read: app state of %s: %s", self._name, error)
                continue
            for change in changes:
                self._apply(change)

    def _apply(self, change: Change) -> None:
        name = change.action.pushNameSetting.name
        if change.index[:1] == [_PUSH_NAME] and name:
            self._network.accounts.rename(self._name.number, name)

    def _write_push_name(self, name: str) -> int:
        action: Any = SyncActionValue()
        action.pushNameSetting.name = name
        state = replay(self._network.app_state.patches(self._name.number, _NAMES))
        patch = seal(self._key, _NAMES, state, Change([_PUSH_NAME], action))
        self._network.app_state.add(self._name.number, _NAMES, state.version, patch)
        return state.version + 1
