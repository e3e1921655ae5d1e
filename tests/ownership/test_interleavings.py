"""The interleavings of the ownership model, each walked by name."""

from dataclasses import replace

import pytest

from tests.ownership import law
from tests.ownership.model import with_host
from tests.ownership.story import Story


def cut_off_and_moved(story: Story) -> None:
    """Host 0 says nothing for a lease, is swept, and its session starts on host 1."""
    story.time_passes(story.rules.lease, 1)
    assert story.sweeps(0) == "swept"
    story.does("place", 0, 1)
    story.does("beat", 1)


def test_take_over_while_the_old_client_is_frozen_inside_a_transaction():
    story = Story(idle_in_transaction=100)
    story.does("begin", 0, 0)
    story.does("freeze", 0)
    story.time_passes(5, 1)
    assert story.sweeps(0) == "swept"

    story.cannot("place", 0, 1)
    story.does("terminate", 0)
    story.does("place", 0, 1)
    story.does("beat", 1)
    assert story.does("write", 1, 0) == "accepted 2"

    story.does("thaw", 0)
    story.cannot("commit", 0, 0)
    assert story.does("write", 0, 0) == "refused"
    assert story.epochs_run() == {1: 2}


def test_a_transaction_of_a_frozen_client_is_ended_by_its_own_time_out_before_the_lease():
    story = Story()
    story.does("begin", 0, 0)
    story.does("freeze", 0)
    story.time_passes(5, 1)
    assert story.state.holds == ()
    story.sweeps(0)
    story.does("place", 0, 1)
    story.does("thaw", 0)
    story.cannot("commit", 0, 0)
    assert story.does("begin", 0, 0) == "refused"


def test_a_commit_that_comes_before_the_raise_is_kept_and_none_comes_after_it():
    story = Story(idle_in_transaction=100)
    story.does("begin", 0, 0)
    story.does("freeze", 0)
    story.time_passes(5, 1)
    story.sweeps(0)
    story.does("thaw", 0)
    assert story.does("commit", 0, 0) == "accepted 1"
    story.does("place", 0, 1)
    assert story.does("write", 0, 0) == "refused"


def test_the_predecessor_that_reconnects_and_evicts_the_owner():
    story = Story()
    story.does("freeze", 0)
    cut_off_and_moved(story)
    story.does("thaw", 0)
    assert not story.state.hosts[0].may_command(story.engine(0), story.state.clock)

    story.does("reconnect", 0, 0)
    story.does("notice_replaced", 1, 0)
    assert story.epochs_run() == {0: 1}
    story.does("tick")
    assert story.epochs_run() == {}

    story.does("beat", 1)
    assert story.epochs_run() == {1: 3}
    assert (story.session.worker, story.session.restarts) == (1, 1)


def test_a_rival_that_keeps_coming_is_left_to_the_owner_after_three_restarts():
    story = Story()
    for epoch in (2, 3, 4):
        story.does("evict_from_outside", 0, 0)
        story.does("beat", 0)
        assert story.epochs_run() == {0: epoch}
    story.does("evict_from_outside", 0, 0)
    story.does("beat", 0)
    story.time_passes(3, 0, 1)
    assert story.session.replaced
    assert story.epochs_run() == {}


def test_an_old_assignment_that_is_replaced_is_not_restarted():
    story = Story()
    story.time_passes(20, 0, 1)
    story.does("evict_from_outside", 0, 0)
    story.does("beat", 0)
    assert story.session.replaced
    assert story.session.epoch == 1


def test_an_eviction_of_an_epoch_that_is_over_is_nobodys_business():
    story = Story()
    story.does("evict_from_outside", 0, 0)
    story.does("cut_link", 0)
    cut_off_and_moved(story)
    story.does("heal_link", 0)
    story.does("beat", 0)
    assert (story.session.epoch, story.session.replaced) == (2, False)


def test_registration_of_a_returning_id_while_its_old_engines_still_run():
    story = Story(sessions=4)
    story.does("crash", 0)
    story.does("restart", 0)
    story.does("register", 0)
    assert [session.epoch for session in story.state.sessions] == [2, 1, 2, 1]

    story.does("beat", 0)
    assert story.epochs_run() == {0: 1}, "it starts nothing beside the engines of the earlier agent"
    assert story.does("write", 0, 0) == "refused"
    story.does("tick")
    assert story.state.hosts[0].engines == ()

    story.does("beat", 0)
    assert story.epochs_run(0) == {0: 2}
    assert story.epochs_run(2) == {0: 2}
    assert story.does("write", 0, 0) == "accepted 2"


def test_registration_waits_for_the_transaction_of_an_old_engine_or_ends_it():
    story = Story(idle_in_transaction=100)
    story.does("begin", 0, 0)
    story.does("crash", 0)
    story.does("restart", 0)
    story.cannot("register", 0)
    story.does("terminate", 0)
    story.does("register", 0)
    assert story.session.epoch == 2


def test_a_registration_whose_answer_is_lost_is_made_again():
    story = Story()
    story.does("crash", 0)
    story.does("restart", 0)
    story.does("register_unanswered", 0)
    story.does("tick")
    story.does("register", 0)
    story.does("beat", 0)
    assert story.epochs_run() == {0: 3}


def test_a_returning_id_on_another_machine_while_the_first_still_runs():
    story = Story((0, 0, 1))
    story.does("register", 1)
    story.does("beat", 1)
    assert story.epochs_run() == {0: 1, 1: 2}, "for a moment, within the deadline of the first"
    story.does("notice_replaced", 0, 0)
    assert story.epochs_run() == {1: 2}, "WhatsApp tells the first engine before any heartbeat does"
    story.does("beat", 0)
    assert not story.state.hosts[0].alive, "it must not come back and retire the other in turn"
    assert story.session.epoch == 2


def test_a_returning_id_on_another_machine_while_the_first_is_cut_off_and_frozen():
    story = Story((0, 0, 1))
    story.does("freeze", 0)
    story.does("register", 1)
    story.does("beat", 1)
    story.does("thaw", 0)
    assert story.state.hosts[0].may_command(story.engine(0), story.state.clock), "within its own deadline"
    assert story.does("write", 0, 0) == "refused"
    assert story.epochs_run() == {1: 2}


def test_the_link_to_the_control_plane_alone_is_cut():
    story = Story()
    story.does("cut_link", 0)
    story.cannot("beat", 0)
    lease = story.state.rows[0].lease_until
    for _ in range(4):
        story.time_passes(1, 1)
        story.does("beat_direct", 0)
        assert story.state.rows[0].lease_until == lease, (
            "the control plane is there, so nobody renews around it"
        )
    assert story.epochs_run() == {}, "the engine ended itself before the lease did"
    assert story.state.clock < lease

    story.time_passes(1, 1)
    assert story.sweeps(0) == "swept"
    story.does("place", 0, 1)
    story.does("beat", 1)
    assert story.epochs_run() == {1: 2}
    story.does("beat_direct", 0)
    assert story.state.hosts[0].incarnation == 0, "the database tells it that it was swept"


def test_sweeper_against_renewal_the_renewal_comes_first():
    story = Story()
    story.time_passes(5, 1)
    story.does("look")
    assert story.state.control.looked == ((0, 1),)
    story.does("beat", 0)
    assert story.does("sweep", 0) == ""
    assert not story.state.rows[0].swept
    assert story.epochs_run() == {0: 1}


def test_sweeper_against_renewal_the_sweeper_comes_first():
    story = Story()
    story.time_passes(5, 1)
    assert story.sweeps(0) == "swept"
    story.does("beat", 0)
    assert story.state.hosts[0].incarnation == 0
    assert story.epochs_run() == {}
    story.does("register", 0)
    story.does("beat", 0)
    assert story.epochs_run() == {0: 2}, "nobody had taken it yet, so it comes back with a new epoch"


def test_a_renewal_whose_answer_is_late_starts_nothing():
    story = Story()
    story.does("crash_engine", 0, 0)
    story.does("send", 0)
    story.does("receive", 0)
    story.time_passes(4, 1)
    story.does("hear", 0)
    assert story.epochs_run() == {}


def test_a_late_answer_counts_from_when_the_renewal_was_sent():
    story = Story()
    story.does("send", 0)
    sent = story.state.clock
    story.does("receive", 0)
    story.time_passes(3, 1)
    story.does("hear", 0)
    assert story.engine(0).deadline == sent + 4
    story.time_passes(1, 1)
    assert story.epochs_run() == {}


def test_a_late_spool():
    story = Story()
    story.does("tell", 0, 0)
    story.does("cut_link", 0)
    cut_off_and_moved(story)
    story.does("tell", 1, 0)
    story.does("ship", 1)
    assert story.session.applied == ((2, 1),)

    story.does("heal_link", 0)
    story.does("beat", 0)
    story.does("register", 0)
    story.does("ship_lost", 0)
    story.does("ship_unanswered", 0)
    story.does("ship", 0)
    assert story.session.applied == ((2, 1), (1, 1)), "once, though it was delivered twice"
    assert story.session.seen == 2, "what it said about the state changes nothing"
    assert story.state.hosts[0].spool == ()


def test_a_spool_of_a_worker_that_never_owned_the_epoch_is_refused():
    story = Story()
    forged = with_host(story.state, 1, spool=((0, 1, 1),))
    story.goes_on_from(replace(forged, told=()))
    story.does("ship", 1)
    assert story.session.applied == ()


def test_a_session_is_handed_over_only_after_its_engine_is_gone():
    story = Story()
    story.does("ask_move", 0)
    story.cannot("place", 0, 1)
    story.does("beat", 0)
    assert story.epochs_run() == {}
    story.cannot("place", 0, 1)
    story.does("beat", 0)
    story.does("place", 0, 1)
    story.does("beat", 1)
    assert story.epochs_run() == {1: 2}


def crossing_report(story: Story) -> None:
    """A stop is confirmed by a report that was made before the order to start was heard."""
    story.does("crash_engine", 0, 0)
    story.does("send", 0)
    story.does("receive", 0)
    story.does("send", 0)
    story.does("ask_move", 0)
    story.does("hear", 0)
    story.does("receive", 0)
    story.does("place", 0, 1)
    story.does("beat", 1)


def test_a_report_never_crosses_an_answer_because_a_worker_has_one_beat_in_flight():
    with pytest.raises(AssertionError, match=r"send .* cannot happen here"):
        crossing_report(Story())


def test_a_report_that_crossed_an_answer_would_leave_two_engines(monkeypatch):
    monkeypatch.setattr(law, "may_ask", lambda host: host.asking is None)
    with pytest.raises(AssertionError, match="two engines that may command WhatsApp"):
        crossing_report(Story())


def test_a_hand_over_whose_old_worker_dies_half_way_ends_as_a_take_over():
    story = Story()
    story.does("ask_move", 0)
    story.does("crash", 0)
    cut_off_and_moved(story)
    assert story.epochs_run() == {1: 2}
    assert not story.session.moving


def test_a_worker_proven_dead_is_taken_over_within_its_lease():
    story = Story()
    story.does("crash", 0)
    story.does("probe", 0)
    assert story.does("take_over_the_dead", 0) == "taken over"
    story.does("place", 0, 1)
    story.does("beat", 1)
    assert story.state.clock < story.state.rows[0].lease_until
    assert story.does("write", 1, 0) == "accepted 2"


def test_a_proof_that_a_registration_overtook_is_worth_nothing():
    story = Story()
    story.does("crash", 0)
    story.does("probe", 0)
    story.does("restart", 0)
    story.does("register", 0)
    assert story.does("take_over_the_dead", 0) == ""
    assert not story.state.rows[0].swept


def test_a_frozen_worker_is_no_dead_one():
    story = Story()
    story.does("freeze", 0)
    story.cannot("probe", 0)


@pytest.mark.parametrize("late", [0, 1, 2], ids=["together", "a beat apart", "two beats apart"])
def test_all_workers_silent_move_nothing_for_the_time_of_the_brake(late):
    story = Story((0, 1, 2), sessions=3)
    story.time_passes(late, 1, 2)
    silent = story.state.clock
    while story.state.clock < silent + 20:
        story.does("tick")
        story.does("look")
        for row in (row for row, _ in story.state.control.looked):
            assert story.does("sweep", row) == ""
    assert story.alarm
    assert [session.epoch for session in story.state.sessions] == [1, 1, 1]

    for host in range(3):
        story.does("beat", host)
    story.does("look")
    assert not story.alarm
    assert story.epochs_run() == {0: 1}, "nothing had moved, so everything runs where it was"
