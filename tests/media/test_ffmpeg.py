"""ffmpeg kept within bounds."""

import asyncio
import json
import stat
import sys
from pathlib import Path

import pytest

from shared.contracts.messages import FileKind
from shared.files.errors import MediaCode
from tests.media.conftest import Desk
from tests.media.jobs import make_impostor, make_job, patient, put, refusal
from tests.media.samples import Samples
from tests.waiting import until
from worker.media.ffmpeg import Ffmpeg, find_ffmpeg
from worker.media.shelf import Shelf, Tray


async def test_the_one_of_the_wheel_has_all_encoders_that_we_need(program: Path):
    assert await Ffmpeg(program).missing_encoders() == ()


async def test_encoders_that_are_missing_are_named(tmp_path: Path):
    listing = "echo ' V..... libx264 x'; echo ' A..... aac x'; echo ' V..... png x'"
    missing = await Ffmpeg(make_impostor(tmp_path, listing)).missing_encoders()
    assert missing == ("libopus", "pcm_s16le")


def test_it_is_found_by_name_on_the_path_or_in_the_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    mine = make_impostor(tmp_path, "exit 0")
    assert find_ffmpeg(str(mine)) == mine
    mine.rename(tmp_path / "ffmpeg")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_ffmpeg() == tmp_path / "ffmpeg"
    (tmp_path / "ffmpeg").unlink()
    wheel = find_ffmpeg()
    assert wheel is not None
    assert "imageio_ffmpeg" in str(wheel)
    with pytest.raises(ValueError, match="is no program that can be run"):
        find_ffmpeg(str(tmp_path / "nothing"))


async def test_a_target_over_the_limit_is_an_error_and_does_not_grow(
    tray: Tray, program: Path, samples: Samples
):
    source = put(tray, samples.data("long.wav"))
    options = ("-c:a", "pcm_s16le", "-ar", "48000")
    job = make_job(tray, source, "wav", options=options, muxer="s16le", largest=100_000)
    assert await refusal(Ffmpeg(program), job) is MediaCode.FILE_TOO_LARGE
    assert job.target.stat().st_size < 2_300_000


async def test_the_kernel_ends_what_writes_without_end(tray: Tray, tmp_path: Path):
    impostor = make_impostor(tmp_path, 'for target; do :; done; exec cat /dev/zero > "${target#file:}"')
    job = make_job(tray, put(tray, b"x"), "mov", largest=100_000)
    assert await refusal(Ffmpeg(impostor, patient(10)), job) is MediaCode.FILE_TOO_LARGE


async def test_the_kernel_ends_what_wants_too_much_memory(tray: Tray, tmp_path: Path):
    impostor = make_impostor(tmp_path, "exec tail /dev/zero")
    job = make_job(tray, put(tray, b"x"), "mov")
    assert await refusal(Ffmpeg(impostor), job) is MediaCode.CONVERSION_FAILED


async def test_files_that_it_makes_are_for_the_worker_alone(tray: Tray, program: Path, samples: Samples):
    job = make_job(tray, put(tray, samples.data("moving.gif")), "gif")
    await Ffmpeg(program).run(job)
    assert stat.S_IMODE(job.target.stat().st_mode) == 0o600


async def test_a_file_that_is_there_is_not_written_over(tray: Tray, program: Path, samples: Samples):
    job = make_job(tray, put(tray, samples.data("moving.gif")), "gif")
    job.target.write_bytes(b"mine")
    with pytest.raises(ValueError, match="in the place of the target"):
        await Ffmpeg(program).run(job)
    assert job.target.read_bytes() == b"mine"


async def test_source_and_target_stand_in_one_tray(shelf: Shelf, tray: Tray, program: Path):
    async with shelf.tray() as other:
        with pytest.raises(ValueError, match="in one tray"):
            await Ffmpeg(program).run(make_job(other, put(tray, b"x"), "mov"))


def _alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def _pid(tray: Tray) -> int:
    file = tray.place().parent / "pid"

    async def written() -> bool:
        return file.exists() and file.read_text().strip().isdigit()

    await until(written)
    return int(file.read_text())


async def test_what_takes_too_long_is_ended(tray: Tray, tmp_path: Path):
    impostor = make_impostor(tmp_path, "echo $$ > pid; exec sleep 600")
    ffmpeg = Ffmpeg(impostor, patient(0.3))
    assert await refusal(ffmpeg, make_job(tray, put(tray, b"x"), "mov")) is MediaCode.CONVERSION_TOO_SLOW
    assert not _alive(await _pid(tray))


async def test_what_talks_without_end_is_listened_to_and_ended(tray: Tray, tmp_path: Path):
    ffmpeg = Ffmpeg(make_impostor(tmp_path, "echo $$ > pid; exec yes secret >&2"), patient(0.3))
    assert await refusal(ffmpeg, make_job(tray, put(tray, b"x"), "mov")) is MediaCode.CONVERSION_TOO_SLOW
    assert not _alive(await _pid(tray))


BOUNDS = """
import json, os, resource, sys
names = ("RLIMIT_CPU", "RLIMIT_AS", "RLIMIT_FSIZE")
while resource.getrlimit(resource.RLIMIT_FSIZE)[1] < 0:
    pass
seen = {name: resource.getrlimit(getattr(resource, name)) for name in names} | {"nice": os.nice(0)}
with open(sys.argv[-1].removeprefix("file:"), "w") as file:
    json.dump(seen, file)
"""


async def test_it_runs_behind_all_others_and_with_bounds(tray: Tray, tmp_path: Path):
    """What the process sees of itself once it is held back."""
    looking = tmp_path / "looking"
    looking.write_text(f"#!{sys.executable}\n{BOUNDS}")
    looking.chmod(0o700)
    job = make_job(tray, put(tray, b"x"), "mov", largest=1_000_000)
    await Ffmpeg(looking, patient(20)).run(job)
    size, memory = 2_000_000 + 1024**2, 2 * 1024**3
    assert json.loads(job.target.read_text()) == {
        "RLIMIT_CPU": [30, 30],
        "RLIMIT_AS": [memory, memory],
        "RLIMIT_FSIZE": [size, size],
        "nice": 10,
    }


async def test_a_cancelled_conversion_leaves_no_process_and_gives_its_turn_back(tray: Tray, tmp_path: Path):
    ffmpeg = Ffmpeg(make_impostor(tmp_path, "echo $$ > pid; exec sleep 600"), patient(60, at_once=1))
    task = asyncio.create_task(ffmpeg.run(make_job(tray, put(tray, b"x"), "mov")))
    pid = await _pid(tray)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not _alive(pid)
    again = asyncio.create_task(ffmpeg.run(make_job(tray, put(tray, b"x"), "mov")))

    async def begun() -> bool:
        return await _pid(tray) != pid

    await until(begun)
    again.cancel()
    with pytest.raises(asyncio.CancelledError):
        await again


async def test_what_cannot_be_started_is_told_as_unavailable(tray: Tray, tmp_path: Path):
    for program in (tmp_path / "nothing", put(tray, b"no program")):
        job = make_job(tray, put(tray, b"x"), "mov")
        assert await refusal(Ffmpeg(program), job) is MediaCode.CONVERSION_UNAVAILABLE


async def test_it_sees_no_settings_of_ours(tray: Tray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WAYPOST_JOIN_TOKEN", "geheim")
    monkeypatch.setenv("FFREPORT", "file=/tmp/report.log")
    impostor = make_impostor(tmp_path, "env > seen; for target; do :; done; echo x > ${target#file:}")
    await Ffmpeg(impostor).run(make_job(tray, put(tray, b"x"), "mov"))
    seen = (tray.place().parent / "seen").read_text()
    assert "geheim" not in seen
    assert "FFREPORT" not in seen


async def test_twenty_conversions_at_once_run_two_at_a_time(tray: Tray, tmp_path: Path):
    """Each puts a mark down while it runs and counts those that it sees."""
    script = (
        "mkdir running.$$; ls -d running.* | wc -l >> counts; "
        "for target; do :; done; echo x > ${target#file:}; rmdir running.$$"
    )
    ffmpeg = Ffmpeg(make_impostor(tmp_path, script))
    source = put(tray, b"x")
    await asyncio.gather(*(ffmpeg.run(make_job(tray, source, "mov")) for _ in range(20)))
    counts = [int(line) for line in (tray.place().parent / "counts").read_text().split()]
    assert len(counts) == 20
    assert max(counts) <= 2


async def test_twenty_real_files_at_once_are_all_converted(desk: Desk, samples: Samples):
    files = await asyncio.gather(
        *(desk.prepare(FileKind.VOICE, samples.data("song.mp3")) for _ in range(10)),
        *(desk.prepare(FileKind.STICKER, samples.data("moving.webp")) for _ in range(4)),
        *(desk.prepare(FileKind.IMAGE, samples.data("moving.gif")) for _ in range(6)),
    )
    assert len({file.path for file in files}) == 20
    assert all(file.size for file in files)
