"""What must hold after every step, whoever did what: a sentence where it does not."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from shared.session_state import REASONS, Reason, SessionState, may_follow
from tests.fleet_machine.book import Book, demand
from tests.fleet_machine.simulated_worker import Client, SimulatedWorker
from tests.fleet_machine.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Moment:
    before: Snapshot
    now: Snapshot
    book: Book
    workers: Sequence[SimulatedWorker]
    time: float

    def clients(self, session: str) -> list[tuple[SimulatedWorker, Client]]:
        """Those that run, frozen or not."""
        return [
            (worker, worker.running[session])
            for worker in self.workers
            if worker.alive and session in worker.running
        ]

    def present(self, worker: SimulatedWorker) -> bool:
        """Whether it is the process that the database knows under its id, and not retired."""
        row = self.now.workers.get(worker.id)
        known = worker.identity is not None and row is not None and not row["retired"]
        return bool(known and row and worker.identity and row["incarnation"] == worker.identity.incarnation)


def check(moment: Moment) -> str | None:
    """The first one that is broken, as its name and a sentence."""
    for invariant in INVARIANTS:
        words = invariant(moment)
        demand(not words, invariant.__name__, words or "")
    return None


def the_fence_is_at_the_epoch(moment: Moment) -> str | None:
    for identity, session in moment.now.sessions.items():
        fence = moment.now.fences.get(identity, 0)
        if fence != session["epoch"]:
            return f"{session['name']} has epoch {session['epoch']} and its fence stands at {fence}"
    for name in moment.now.fences:
        if name not in moment.now.sessions:
            return "a session that is deleted has a fence that its client could pass"
    return None


def one_client_may_write(moment: Moment) -> str | None:
    for identity, session in moment.now.sessions.items():
        writers = [
            worker
            for worker, client in moment.clients(identity)
            if moment.now.may_write(identity, client.epoch)
        ]
        if len(writers) > 1:
            names = ", ".join(worker.label for worker in writers)
            return f"{session['name']} has {len(writers)} clients that the store lets in: {names}"
    return None


def the_writer_is_the_owner(moment: Moment) -> str | None:
    for identity, session in moment.now.sessions.items():
        owners = {row["epoch"]: row for row in moment.now.owners.get(identity, [])}
        for worker, client in moment.clients(identity):
            owner = owners.get(client.epoch)
            if owner is None or not moment.now.may_write(identity, client.epoch):
                continue
            recorded = (owner["worker_id"], owner["incarnation"])
            if worker.identity is None or recorded != (worker.id, worker.identity.incarnation):
                return f"{worker.label} may write for {session['name']}, which was given to {recorded}"
    return None


def one_client_is_able(moment: Moment) -> str | None:
    """Two clients of a session run at once only where the older is a machine that was replaced or sent away.

    Or where its owner stopped it and wants it again while its worker is emptied: it starts elsewhere at once.
    """
    for identity, session in moment.now.sessions.items():
        able = [
            (client.epoch, worker)
            for worker, client in moment.clients(identity)
            if not worker.frozen and moment.time < worker.deadline
        ]
        newest = max((epoch for epoch, _ in able), default=0)
        for epoch, worker in able:
            row = moment.now.workers.get(worker.id)
            if epoch < newest and moment.present(worker) and row is not None and not row["draining"]:
                return f"{session['name']} runs on {worker.label} at {epoch} and elsewhere at {newest}"
    return None


def owners_are_appended(moment: Moment) -> str | None:
    for identity, session in moment.now.sessions.items():
        owners = moment.now.owners.get(identity, [])
        if [row["epoch"] for row in owners] != list(range(1, session["epoch"] + 1)):
            return (
                f"{session['name']} has epoch {session['epoch']} and owners of {[r['epoch'] for r in owners]}"
            )
        known = moment.before.owners.get(identity, [])
        if owners[: len(known)] != known:
            return f"who owned {session['name']} before was written anew"
        if owners and session["worker_id"] not in {None, owners[-1]["worker_id"]}:
            return (
                f"{session['name']} belongs to {session['worker_id']}, its owner is {owners[-1]['worker_id']}"
            )
    return None


def the_owner_is_the_present_incarnation(moment: Moment) -> str | None:
    for identity, session in moment.now.sessions.items():
        worker = moment.now.workers.get(session["worker_id"] or "")
        if session["wanted"] != "run" or worker is None or worker["retired"]:
            continue
        owner = moment.now.owners[identity][-1]
        if owner["incarnation"] != worker["incarnation"]:
            return f"{session['name']} was given to an earlier incarnation of {worker['id']}"
    return None


def no_session_is_lost(moment: Moment) -> str | None:
    if set(moment.now.sessions) != set(moment.book.sessions):
        return "the sessions that exist are not those that were made and not deleted"
    for identity, session in moment.now.sessions.items():
        before = moment.before.sessions.get(identity)
        had = before is not None and before["device_jid"] is not None
        if had and session["device_jid"] is None and identity not in moment.book.forgotten:
            return f"{session['name']} needs a new scan, and nobody logged it out"
    return None


def only_allowed_transitions(moment: Moment) -> str | None:
    for identity, session in moment.now.sessions.items():
        changes = moment.now.changes.get(identity, [])
        seen = SessionState.DISCONNECTED
        for change in changes:
            after, reason = SessionState(change["after"]), Reason(change["reason"])
            if change["before"] != seen:
                return f"{session['name']} was {seen} and left {change['before']}"
            if not may_follow(seen, after) or reason not in REASONS[after]:
                return f"{session['name']} went from {seen} to {after}, {reason}"
            seen = after
        if session["status"] != seen:
            return f"{session['name']} is {session['status']}, its timeline ends at {seen}"
        told = sum(event["type"] == "session.status" for event in moment.now.events.get(identity, []))
        if told != len(changes):
            return f"{session['name']} changed {len(changes)} times, and {told} of them were told"
    return None


def sequences_are_whole(moment: Moment) -> str | None:
    for identity, events in moment.now.events.items():
        numbers = [event["sequence"] for event in events]
        if any(after != before + 1 for before, after in pairwise([0, *numbers])):
            return f"the events of {identity} are numbered {numbers}"
        session = moment.now.sessions.get(identity)
        if session is not None and session["sequence"] != len(numbers):
            return f"{session['name']} has {len(numbers)} events and counts {session['sequence']}"
    return None


def told_is_stored_once(moment: Moment) -> str | None:
    for identity, session in moment.now.sessions.items():
        expected = Counter(moment.book.messages[identity])
        stored = Counter(row["message"] for row in moment.now.messages.get(identity, []))
        events = moment.now.events.get(identity, [])
        received = Counter(event["message"] for event in events if event["type"] == "message.received")
        for what, found in (("stored", stored), ("told of", received)):
            if found != expected:
                return f"{session['name']} was delivered {dict(expected)} and {what} {dict(found)}"
        calls = Counter(event["call"] for event in events if event["type"] == "call.received")
        if calls != Counter(moment.book.calls[identity]):
            return f"{session['name']} saw calls {moment.book.calls[identity]} and told of {dict(calls)}"
    return None


def placing_respects_room(moment: Moment) -> str | None:
    """A session that runs and comes back to the worker that it is on was not placed."""
    for identity, session in moment.now.sessions.items():
        worker = moment.now.workers.get(session["worker_id"] or "")
        before = moment.before.sessions.get(identity)
        stayed = before is not None and (before["worker_id"], before["wanted"]) == (
            session["worker_id"],
            "run",
        )
        if worker is None or stayed or session["wanted"] != "run":
            continue
        if moment.now.assigned(worker["id"]) > worker["room"]:
            return f"{session['name']} was placed on {worker['id']}, which has room for {worker['room']}"
    return None


def one_primary(moment: Moment) -> str | None:
    for owner in set(moment.book.sessions.values()):
        primary = sum(
            session["is_primary"] for session in moment.now.sessions.values() if session["user_id"] == owner
        )
        if primary != 1:
            return f"an account with sessions has {primary} primary ones"
    return None


def quotas_are_exact(moment: Moment) -> str | None:
    owned = Counter(session["user_id"] for session in moment.now.sessions.values())
    used = moment.now.used
    return None if used == owned else f"used {list(used.values())}, and there are {list(owned.values())}"


INVARIANTS = (
    the_fence_is_at_the_epoch,
    one_client_may_write,
    the_writer_is_the_owner,
    one_client_is_able,
    owners_are_appended,
    the_owner_is_the_present_incarnation,
    no_session_is_lost,
    only_allowed_transitions,
    sequences_are_whole,
    told_is_stored_once,
    placing_respects_room,
    one_primary,
    quotas_are_exact,
)
