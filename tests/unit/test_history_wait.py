"""How long a pairing keeps its process."""

from worker.engines.history_wait import HistoryWait


def test_before_the_first_connect_there_is_no_end():
    assert HistoryWait(60).remaining() is None


def test_without_history_it_waits_for_the_quiet_time():
    wait = HistoryWait(60)
    wait.connected()
    assert 59 < (wait.remaining() or 0) <= 60


def test_it_is_over_when_the_last_part_is_in():
    wait = HistoryWait(60)
    wait.connected()
    wait.heard("initial_bootstrap", 100)
    assert wait.remaining() != 0
    wait.heard("recent", 40)
    assert wait.remaining() != 0
    wait.heard("recent", 100)
    assert wait.remaining() == 0
