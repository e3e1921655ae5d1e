"""App state: sealed so that only the account's own devices read it, chained so that none is missing."""

import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.sandbox.app_state import state_hash
from worker.sandbox.app_state.keys import SyncKey
from worker.sandbox.app_state.patches import Change, PatchError, State, open_patch, parse, replay, seal
from worker.sandbox.devices import DeviceName
from worker.sandbox.library import SyncActionValue, SyncdMutation, SyncdPatch
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox

KEY = SyncKey(b"key id", bytes(32))
values = st.lists(st.binary(min_size=32, max_size=32), max_size=6)


@given(first=values, second=values)
def test_what_is_taken_out_of_the_hash_was_never_in_it(first: list[bytes], second: list[bytes]) -> None:
    both = state_hash.add(state_hash.add(state_hash.EMPTY, first), second)
    assert both == state_hash.add(state_hash.EMPTY, [*second, *first])
    assert state_hash.subtract(both, second) == state_hash.add(state_hash.EMPTY, first)


def test_a_patch_opens_with_its_key_and_with_no_other() -> None:
    patch = seal(KEY, "critical_block", State(), named("Anna"))
    (change,) = open_patch(KEY, patch)
    assert change.index == ["setting_pushName"]
    assert change.action.pushNameSetting.name == "Anna"
    for other in (SyncKey(b"key id", os.urandom(32)), SyncKey(b"other!", bytes(32))):
        with pytest.raises(PatchError, match="does not fit the key"):
            open_patch(other, patch)


def test_a_value_that_is_set_again_replaces_the_old_one_in_the_state() -> None:
    patches = [seal(KEY, "critical_block", State(), named("Anna"))]
    patches.append(seal(KEY, "critical_block", replay(patches), named("Anne")))
    state = replay(patches)
    assert (state.version, len(state.values)) == (2, 1)
    assert state.hash == state_hash.add(state_hash.EMPTY, state.values.values())


@pytest.mark.parametrize("garbage", [b"\xff", b"\x12\x04\x12\x02\x12\x00", os.urandom(300)])
def test_garbage_is_no_patch(garbage: bytes) -> None:
    with pytest.raises(PatchError):
        parse(garbage)


async def test_a_phone_takes_no_name_from_a_patch_that_it_cannot_open(sandbox: Sandbox, anna: Phone) -> None:
    mutation: Any = SyncdMutation(operation=0)
    mutation.record.index.blob, mutation.record.value.blob = os.urandom(32), os.urandom(80)
    forged = SyncdPatch(mutations=[mutation]).SerializeToString()
    network = sandbox.network
    version = network.app_state.add(anna.number, "critical_block", 0, forged)
    assert version == 1
    network.account_life.app_state_changed(DeviceName(anna.number, 1), "critical_block", version)
    assert anna.account.name == "Anna"


def test_of_two_patches_on_the_same_state_the_first_counts(sandbox: Sandbox) -> None:
    collections, number = sandbox.network.app_state, "4915551111111"
    assert collections.add(number, "regular", 0, b"first") == 1
    assert collections.add(number, "regular", 0, b"second") is None
    assert collections.patches(number, "regular") == [b"first"]


def named(name: str) -> Change:
    action: Any = SyncActionValue()
    action.pushNameSetting.name = name
    return Change(["setting_pushName"], action)
