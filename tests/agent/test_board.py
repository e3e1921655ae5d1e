"""The board tells what was seen last, and an ended session until its end has arrived."""

import asyncio

from shared.contracts.fleet import SeenProbe, SeenState
from shared.contracts.told import Fenced, Meaning, Paired, Probed, QrShown, StateSeen, Then, Told
from shared.session_state import Reason, SessionState
from worker.board import Board

_S, _R = SessionState, Reason
CONNECTED = StateSeen(meaning=Meaning(_S.CONNECTED, _R.LOGGED_IN, Then.GO_ON))
REPLACED = StateSeen(meaning=Meaning(_S.DISCONNECTED, _R.REPLACED, Then.STOP))
QR = QrShown(code="1@a,b,c", number=1, seconds=60)
PAIRED = Paired(device_jid="4915550000001:2@s.whatsapp.net", business_name="", platform="")


def board() -> Board:
    made = Board()
    made.take_up("one", 3, _S.INITIALIZING, _R.STARTING)
    return made


async def hear(board: Board, told: Told, position: int | None = None, epoch: int = 3) -> None:
    written = asyncio.get_running_loop().create_future()
    board.heard("one", epoch, told, written)
    if position is not None:
        written.set_result(position)
        await asyncio.sleep(0)


def seen(state: SessionState, reason: Reason) -> tuple[SeenState, ...]:
    return (SeenState(id="one", epoch=3, status=state, reason=reason),)


async def test_it_shows_each_step_of_a_pairing():
    shown = board()
    assert shown.states() == seen(_S.INITIALIZING, _R.STARTING)
    shown.heard("one", 3, QR, None)
    assert shown.states() == seen(_S.QR_PENDING, _R.WAITING_FOR_SCAN)
    assert shown.counts().qr_required == 1
    await hear(shown, PAIRED, 1)
    assert shown.states() == seen(_S.INITIALIZING, _R.PAIRED)
    await hear(shown, CONNECTED, 2)
    assert shown.states() == seen(_S.CONNECTED, _R.LOGGED_IN)
    assert (shown.counts().total, shown.counts().connected) == (1, 1)


async def test_an_ended_session_is_told_until_its_end_was_shipped():
    shown = board()
    await hear(shown, CONNECTED, 5)
    await hear(shown, REPLACED, 9)
    assert not shown.runs("one", 3)
    shown.shipped(8)
    assert shown.states() == seen(_S.DISCONNECTED, _R.REPLACED)
    shown.shipped(9)
    assert shown.states() == ()


async def test_an_end_that_is_not_on_the_disk_yet_was_not_shipped():
    shown = board()
    await hear(shown, CONNECTED, 5)
    await hear(shown, REPLACED)
    shown.shipped(1000)
    assert shown.states() == seen(_S.DISCONNECTED, _R.REPLACED)


async def test_a_session_that_runs_stays_whatever_was_shipped():
    shown = board()
    await hear(shown, CONNECTED, 5)
    shown.shipped(1000)
    assert shown.runs("one", 3)


async def test_what_an_earlier_epoch_tells_changes_nothing():
    shown = board()
    await hear(shown, REPLACED, 5, epoch=2)
    assert shown.runs("one", 3)


async def test_a_client_that_was_fenced_off_runs_no_more():
    shown = board()
    await hear(shown, CONNECTED, 5)
    await hear(shown, Fenced(), 6)
    assert not shown.runs("one", 3)
    shown.shipped(6)
    assert shown.states() == ()


async def test_the_end_of_one_epoch_does_not_remove_the_next():
    shown = board()
    written = asyncio.get_running_loop().create_future()
    shown.heard("one", 3, REPLACED, written)
    shown.take_up("one", 4, _S.RECOVERING, _R.MOVING)
    written.set_result(7)
    await asyncio.sleep(0)
    shown.shipped(7)
    assert shown.runs("one", 4)


async def test_probes_are_counted_until_they_are_taken():
    shown = board()
    shown.heard("one", 3, Probed(answered=True, milliseconds=7), None)
    shown.heard("one", 3, Probed(answered=False), None)
    assert shown.take_probes() == (SeenProbe(id="one", epoch=3, probes=2, unanswered=1),)
    assert shown.take_probes() == ()
