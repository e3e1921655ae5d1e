"""Ways through the ownership model while the control plane is away, and what the brake lets pass."""

from tests.ownership.story import Story


def test_after_the_time_of_the_brake_the_silent_are_swept():
    story = Story((0, 1, 2), sessions=3)
    story.time_passes(23, 2)
    assert story.sweeps(0) == "swept"
    assert story.does("sweep", 1) == "swept"
    story.does("place", 0, 2)
    story.does("beat", 2)
    assert story.epochs_run(0) == {2: 2}


def test_the_brake_does_not_hold_up_the_proven_dead():
    story = Story((0, 1, 2))
    story.does("crash", 0)
    story.time_passes(4)
    story.does("probe", 0)
    assert story.does("take_over_the_dead", 0) == "taken over"


def test_a_control_plane_that_is_away_for_the_whole_window_moves_nothing_and_stops_nothing():
    story = Story()
    story.does("control_crash")
    for _ in range(20):
        story.time_passes(1)
        for host in (0, 1):
            story.does("beat_direct", host)
        assert story.epochs_run() == {0: 1}
    story.does("control_start")
    story.cannot("look")
    story.time_passes(5, 0, 1)
    story.does("look")
    assert story.state.control.looked == ()
    assert story.epochs_run() == {0: 1}


def test_a_demanded_silence_as_long_as_the_lease_would_stop_every_client_before_it_may_renew():
    """Why direct renewal opens well before self-fencing: 15 s of silence come after 12 s of patience."""
    story = Story(api_silence=5)
    story.does("control_crash")
    for _ in range(4):
        story.time_passes(1)
        for host in (0, 1):
            story.does("beat_direct", host)
    assert story.epochs_run() == {}, "no client may stop when the control plane does, and here each did"


def test_direct_renewal_ends_a_while_after_the_last_accepted_heartbeat():
    story = Story()
    story.does("control_crash")
    story.time_passes(24, 0, 1, beat="beat_direct")
    assert story.epochs_run() == {}


def test_a_control_plane_that_returns_waits_a_lease_before_it_sweeps():
    story = Story()
    story.does("control_crash")
    story.does("cut_store", 0)
    story.time_passes(10, 1, beat="beat_direct")
    story.does("control_start")
    story.cannot("look")
    story.does("beat", 0)
    story.time_passes(5, 0, 1)
    story.does("look")
    assert story.state.control.looked == ()
