"""The journal of attempts: what it says is true after any end of its process, and it never says too much."""

from pathlib import Path

import pytest

from shared.contracts.commands import Attempt, AttemptState, CommandAnswer, Outcome
from shared.ids import new_uuid
from worker import journal as journal_module
from worker.journal import Journal

SENT = CommandAnswer(outcome=Outcome.DONE, whatsapp_id="3EB0")


def attempt(number: int = 1, message: str = "", session: str = "shop", epoch: int = 1) -> Attempt:
    return Attempt(message_id=message or str(new_uuid()), attempt=number, session_id=session, epoch=epoch)


def set_aside(folder: Path) -> list[str]:
    return [file.name for file in folder.glob("journal.sqlite3.broken-*")]


async def test_what_ended_is_told_as_it_ended_also_by_the_next_process(tmp_path: Path):
    one = attempt()
    async with Journal(tmp_path / "journal.sqlite3") as journal:
        await journal.runs("shop", 1)
        assert await journal.begin(one) is None
        assert (await journal.ask(one)).state is AttemptState.RUNNING
        await journal.end(one, SENT)
        seen = await journal.ask(one)
        assert (seen.state, seen.answer) == (AttemptState.ENDED, SENT)
    async with Journal(tmp_path / "journal.sqlite3") as journal:
        assert (await journal.ask(one)).answer == SENT


async def test_what_was_begun_and_not_ended_is_open_to_the_next_process(tmp_path: Path):
    one = attempt()
    async with Journal(tmp_path / "journal.sqlite3") as journal:
        await journal.runs("shop", 1)
        await journal.begin(one)
    async with Journal(tmp_path / "journal.sqlite3") as journal:
        assert (await journal.ask(one)).state is AttemptState.OPEN
        again = await journal.begin(one)
        assert again is not None
        assert again.outcome is Outcome.UNCERTAIN


async def test_what_was_not_begun_when_it_was_asked_for_never_will_be(tmp_path: Path):
    """The call itself may still be on its way."""
    one = attempt()
    async with Journal(tmp_path / "journal.sqlite3") as journal:
        await journal.runs("shop", 1)
        assert (await journal.ask(one)).state is AttemptState.NEVER
        late = await journal.begin(one)
        assert late is not None
        assert late.outcome is Outcome.NOT_HERE
        assert (await journal.ask(one)).state is AttemptState.NEVER
        assert await journal.begin(attempt(2, one.message_id)) is None
        stale = await journal.begin(one)
        assert stale is not None
        assert stale.outcome is Outcome.NOT_HERE


async def test_a_message_that_was_sent_is_not_sent_by_a_later_attempt(tmp_path: Path):
    one = attempt()
    async with Journal(tmp_path / "journal.sqlite3") as journal:
        await journal.begin(one)
        await journal.end(one, SENT)
        assert await journal.begin(attempt(2, one.message_id)) == SENT
        assert await journal.begin(one) == SENT


async def test_an_attempt_that_comes_after_a_younger_one_is_not_made(tmp_path: Path):
    """Its call was held up on the way, and was given up meanwhile."""
    one = attempt()
    async with Journal(tmp_path / "journal.sqlite3") as journal:
        await journal.begin(attempt(2, one.message_id))
        late = await journal.begin(one)
        assert late is not None
        assert late.outcome is Outcome.NOT_HERE


async def test_a_refused_attempt_may_be_followed_by_another(tmp_path: Path):
    one, closed = attempt(), CommandAnswer(outcome=Outcome.NOT_CONNECTED)
    async with Journal(tmp_path / "journal.sqlite3") as journal:
        await journal.begin(one)
        await journal.end(one, closed)
        assert await journal.begin(one) == closed
        assert await journal.begin(attempt(2, one.message_id)) is None


async def test_a_new_journal_knows_nothing_of_the_time_before(tmp_path: Path):
    async with Journal(tmp_path / "journal.sqlite3") as journal:
        assert (await journal.ask(attempt())).state is AttemptState.UNKNOWN


async def test_when_the_machine_went_down_what_is_missing_proves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    kept, missing = attempt(), attempt()
    async with Journal(tmp_path / "journal.sqlite3") as journal:
        await journal.runs("shop", 1)
        await journal.begin(kept)
        await journal.end(kept, SENT)
    monkeypatch.setattr(journal_module, "boot", lambda: "another run of the machine")
    async with Journal(tmp_path / "journal.sqlite3") as journal:
        await journal.runs("shop", 1)
        assert (await journal.ask(kept)).answer == SENT
        assert (await journal.ask(missing)).state is AttemptState.UNKNOWN
        await journal.runs("shop", 2)
        assert (await journal.ask(attempt(epoch=2))).state is AttemptState.NEVER


async def test_a_broken_file_is_set_aside_and_says_nothing(tmp_path: Path):
    path = tmp_path / "journal.sqlite3"
    path.write_bytes(b"no database" * 1000)
    async with Journal(path) as journal:
        assert (await journal.ask(attempt())).state is AttemptState.UNKNOWN
        assert await journal.begin(attempt()) is None
    assert set_aside(tmp_path)


async def test_what_is_long_past_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    one = attempt()
    async with Journal(tmp_path / "journal.sqlite3") as journal:
        await journal.runs("shop", 1)
        await journal.begin(one)
    monkeypatch.setattr("time.time", lambda: 4_000_000_000.0)
    async with Journal(tmp_path / "journal.sqlite3") as journal:
        await journal.runs("shop", 2)
        assert (await journal.ask(one)).state is AttemptState.UNKNOWN
