"""Faults to plant into the real code, one at a time: each takes one decision out of it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from control_plane.fleet import placement
from control_plane.fleet.repository import FleetRepository
from control_plane.messages.receiving.ingest import Ingest
from control_plane.messages.repository import StoredMessages
from control_plane.sessions import transitions
from control_plane.sessions.repository import SessionRepository, SupervisedSessions
from control_plane.supervision import heartbeat, recovery, registration, sweeper
from control_plane.supervision.assignment import Assignments
from control_plane.supervision.fences import Fences
from control_plane.tiers.service import Quotas
from tests.fleet_machine import replacements
from tests.fleet_machine.clients import Clients
from tests.fleet_machine.fleet import EVERYTHING, Part
from tests.fleet_machine.owners import Administrators, Owners
from tests.fleet_machine.processes import Processes
from tests.fleet_machine.supervision import Supervision
from tests.fleet_machine.world import World


@dataclass(frozen=True, slots=True)
class Patch:
    """`instead` is made from what it replaces."""

    owner: Any
    name: str
    instead: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """`found_by` names the sentences that it is meant to break: one of them is broken first."""

    name: str
    found_by: frozenset[str]
    patches: tuple[Patch, ...] = ()
    # What is changed in the database, and how it is changed back.
    statements: tuple[str, str] | None = None
    # Where it is looked for.
    parts: Sequence[Part] = EVERYTHING


@contextmanager
def planted(fault: Fault, world: World) -> Iterator[None]:
    with ExitStack() as stack:
        for each in fault.patches:
            stack.enter_context(
                patch.object(each.owner, each.name, each.instead(getattr(each.owner, each.name)))
            )
        if fault.statements is not None:
            plant, mend = fault.statements
            world.change(plant)
            stack.callback(world.change, mend)
        yield


def _fault(
    name: str,
    found_by: str,
    *patches: Patch,
    parts: Sequence[Part] = EVERYTHING,
    statements: tuple[str, str] | None = None,
) -> Fault:
    return Fault(name, frozenset(found_by.split()), patches, statements, parts)


FAULTS = (
    _fault(
        "the fence is not raised",
        "the_fence_is_at_the_epoch",
        Patch(Fences, "raise_for", replacements.instead_later(None)),
    ),
    _fault(
        "the fence lets every epoch in",
        "the_store_takes_only_the_owner",
        statements=(
            "ALTER TABLE whatsapp_store.whatsmeow_machine DISABLE TRIGGER fence",
            "ALTER TABLE whatsapp_store.whatsmeow_machine ENABLE TRIGGER fence",
        ),
        parts=(
            Clients,
            Processes,
        ),
    ),
    _fault(
        "a deleted session leaves its fence",
        "the_fence_is_at_the_epoch",
        statements=(
            "ALTER TABLE sessions DISABLE TRIGGER ended",
            "ALTER TABLE sessions ENABLE TRIGGER ended",
        ),
    ),
    _fault(
        "registration raises no epoch",
        "the_owner_is_the_present_incarnation one_client_may_write the_writer_is_the_owner",
        Patch(registration, "_take_back", replacements.instead_later(0)),
    ),
    _fault(
        "an earlier incarnation renews its lease",
        "one_client_may_write the_writer_is_the_owner",
        Patch(heartbeat, "renew_lease", replacements.as_the_present_one),
        Patch(heartbeat, "demand_present", replacements.instead_later(None)),
    ),
    _fault(
        "an incarnation that was replaced in the meantime hears orders",
        "one_client_may_write the_writer_is_the_owner",
        Patch(heartbeat, "demand_present", replacements.instead_later(None)),
        parts=(Processes,),
    ),
    _fault(
        "a worker is not told what it has lost",
        "one_client_is_able every_wanted_session_runs",
        Patch(heartbeat, "compare", replacements.loses_nothing),
    ),
    _fault(
        "the sweeper does not look again under the lock",
        "nobody_is_swept_within_a_lease",
        Patch(recovery, "is_live", replacements.instead(False)),
    ),
    _fault(
        "there is no brake",
        "the_brake_holds",
        Patch(sweeper, "braked_until", lambda _: lambda _beats, now, **more: now - more["patience"]),
        parts=(
            Processes,
            Supervision,
        ),
    ),
    _fault(
        "sessions of retired workers are no orphans",
        "orphans_are_placed every_wanted_session_runs",
        Patch(SupervisedSessions, "_orphaned", replacements.only_without_worker),
        parts=(
            Administrators,
            Processes,
            Supervision,
        ),
    ),
    _fault(
        "placing asks for no room",
        "placing_respects_room",
        Patch(placement, "score", replacements.without_room),
        parts=(
            Owners,
            Administrators,
            Supervision,
        ),
    ),
    _fault(
        "a move drops the credentials",
        "no_session_is_lost",
        Patch(Assignments, "assign", replacements.without_credentials),
    ),
    _fault(
        "a stale report changes the state",
        "a_stale_report_changes_nothing",
        Patch(Ingest, "_apply", replacements.as_of_now),
        parts=(
            Owners,
            Clients,
            Processes,
        ),
    ),
    _fault(
        "a release is taken at any epoch",
        "a_stale_release_moves_nothing one_client_is_able",
        Patch(recovery, "take_released", replacements.at_any_epoch),
        parts=(Processes,),
    ),
    _fault(
        "any state may follow any other",
        "only_allowed_transitions",
        Patch(transitions, "may_follow", replacements.instead(True)),
        parts=(
            Owners,
            Clients,
            Processes,
        ),
    ),
    _fault(
        "a number of the sequence is used twice",
        "sequences_are_whole",
        Patch(transitions, "append", replacements.one_lower),
    ),
    _fault(
        "a message that comes again is stored again",
        "told_is_stored_once",
        Patch(StoredMessages, "claim_key", replacements.instead_later(True)),
        parts=(
            Clients,
            Processes,
        ),
    ),
    _fault(
        "a batch that comes again is applied again",
        "told_is_stored_once",
        Patch(FleetRepository, "spool_mark", replacements.from_the_start),
        parts=(
            Clients,
            Processes,
        ),
    ),
    _fault(
        "a late spool is thrown away",
        "told_is_stored_once",
        Patch(SupervisedSessions, "owned", replacements.only_of_now),
        parts=(
            Clients,
            Processes,
        ),
    ),
    _fault(
        "anybody may tell of any session",
        "told_is_stored_once no_session_is_lost",
        Patch(SupervisedSessions, "owned", replacements.every_key),
    ),
    _fault(
        "a deleted session is still counted",
        "quotas_are_exact",
        Patch(Quotas, "release", replacements.instead_later(None)),
    ),
    _fault(
        "nobody follows a deleted primary session",
        "one_primary",
        Patch(SessionRepository, "oldest_but", replacements.instead_later(None)),
    ),
)

# Of these the long run is sure to find each, and the suite does not wait for them.
_TAKES_LONGER = frozenset(
    {
        "the fence lets every epoch in",
        "an incarnation that was replaced in the meantime hears orders",
        "a worker is not told what it has lost",
        "there is no brake",
        "any state may follow any other",
        "sessions of retired workers are no orphans",
        "placing asks for no room",
        "a batch that comes again is applied again",
    }
)
QUICKLY_FOUND = tuple(fault for fault in FAULTS if fault.name not in _TAKES_LONGER)
