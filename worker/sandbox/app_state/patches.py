"""Patches: what a device changed, sealed with the shared key, and proof that none before is missing."""

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from worker.sandbox.app_state import keys as macs
from worker.sandbox.app_state import state_hash
from worker.sandbox.app_state.keys import MAC_LENGTH, ExpandedKeys, SyncKey, expand
from worker.sandbox.library import DecodeError, SyncActionData, SyncdMutation, SyncdPatch
from worker.sandbox.signal import blocks

_SET = 0
_IV_LENGTH = 16


class PatchError(ValueError):
    """A patch that no honest device wrote."""


@dataclass(frozen=True, slots=True)
class Change:
    """`index` names what is set, and of whom or what."""

    index: list[str]
    action: Any


@dataclass(slots=True)
class State:
    """Of one collection, after some number of patches; `values` are the MACs by which each is known."""

    version: int = 0
    hash: bytes = state_hash.EMPTY
    values: dict[bytes, bytes] = field(default_factory=dict)

    def apply(self, mutations: Iterable[Any]) -> list[bytes]:
        """Returns the MACs of the new values, in the order of the patch."""
        written = []
        for mutation in mutations:
            index, blob = mutation.record.index.blob, mutation.record.value.blob
            previous = self.values.pop(index, None)
            if previous is not None:
                self.hash = state_hash.subtract(self.hash, [previous])
            written.append(blob[-MAC_LENGTH:])
            if mutation.operation == _SET:
                self.values[index] = blob[-MAC_LENGTH:]
                self.hash = state_hash.add(self.hash, [blob[-MAC_LENGTH:]])
        self.version += 1
        return written


def replay(patches: Iterable[bytes]) -> State:
    state = State()
    for patch in patches:
        state.apply(parse(patch).mutations)
    return state


def parse(data: bytes) -> Any:
    try:
        patch = SyncdPatch.FromString(data)
    except DecodeError as error:
        raise PatchError("a patch that does not parse") from error
    if not all(len(mutation.record.value.blob) > MAC_LENGTH for mutation in patch.mutations):
        raise PatchError("a patch with a value that is too short")
    return patch


def seal(key: SyncKey, collection: str, state: State, change: Change) -> bytes:
    """One change as a patch on top of `state`, which it leaves as it was."""
    iv = secrets.token_bytes(_IV_LENGTH)
    keys, written = expand(key), json.dumps(change.index, separators=(",", ":")).encode()
    data = SyncActionData(index=written, value=change.action, padding=b"", version=1).SerializeToString()
    sealed = iv + blocks.encrypt(keys.value, iv, data)
    mutation: Any = SyncdMutation(operation=_SET)
    mutation.record.index.blob = macs.index_mac(keys, written)
    mutation.record.value.blob = sealed + macs.value_mac(keys, key.key_id, _SET, sealed)
    mutation.record.keyID.ID = key.key_id
    after = State(state.version, state.hash, dict(state.values))
    value_macs = after.apply([mutation])
    patch: Any = SyncdPatch(mutations=[mutation])
    patch.keyID.ID = key.key_id
    patch.snapshotMAC = macs.snapshot_mac(keys, after.hash, after.version, collection)
    patch.patchMAC = macs.patch_mac(keys, patch.snapshotMAC, value_macs, after.version, collection)
    return bytes(patch.SerializeToString())


def open_patch(key: SyncKey, data: bytes) -> list[Change]:
    """What was set; PatchError when it was sealed with another key or is garbage."""
    keys, mutations = expand(key), parse(data).mutations
    return [_open(keys, key.key_id, mutation) for mutation in mutations if mutation.operation == _SET]


def _open(keys: ExpandedKeys, key_id: bytes, mutation: Any) -> Change:
    blob = mutation.record.value.blob
    sealed, mac = blob[:-MAC_LENGTH], blob[-MAC_LENGTH:]
    if mac != macs.value_mac(keys, key_id, mutation.operation, sealed):
        raise PatchError("a patch whose MAC does not fit the key")
    try:
        plain = blocks.decrypt(keys.value, sealed[:_IV_LENGTH], sealed[_IV_LENGTH:])
        data: Any = SyncActionData.FromString(plain)
        index = json.loads(data.index)
    except (ValueError, DecodeError) as error:
        raise PatchError("a change that does not open") from error
    if not isinstance(index, list) or not all(isinstance(word, str) for word in index):
        raise PatchError("a change of nothing that has a name")
    return Change(index, data.value)
