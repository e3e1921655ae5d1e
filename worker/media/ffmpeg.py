"""ffmpeg as a process of its own that sees one tray, may use so much of the machine, and is ended in time.

A hostile file must not decide how it is read: the demuxer is named by us, so that no playlist or script in a
file's guise makes ffmpeg open other files or the network.
"""

import asyncio
import contextlib
import logging
import os
import resource
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from shared.files.errors import MediaCode, MediaError, too_large
from worker.media.limits import Limits

log = logging.getLogger(__name__)

_NICENESS = 10
_MEMORY = 2 * 1024**3
_LAST_WORDS = 2048
_TOLD_WORDS = 160
_QUIET = ("-hide_banner", "-nostats", "-loglevel", "error", "-nostdin", "-n")
_FILE_TOO_LARGE_SIGNAL = 25
NEEDED_ENCODERS = ("libx264", "aac", "libopus", "png", "pcm_s16le")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Both files stand in one tray; `options` say what becomes of the sound and the pictures."""

    source: Path
    demuxer: str
    target: Path
    muxer: str
    options: Sequence[str]
    # Larger than this, it is an error: a file that was cut off is none.
    largest: int
    # Of the source, what lies behind it is not looked at.
    seconds: float


def find_ffmpeg(given: str = "") -> Path | None:
    """The one that is named, or on the path, or out of a wheel; None where there is none."""
    if given:
        found = shutil.which(given)
        if found is None:
            raise ValueError(f"{given[:200]!r} is no program that can be run")
        return Path(found).absolute()
    if found := shutil.which("ffmpeg"):
        return Path(found).absolute()
    try:
        # For development only, and not there elsewhere.
        return Path(import_module("imageio_ffmpeg").get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return None


class Ffmpeg:
    """At most so many processes at once as the limits allow; others wait for their turn."""

    def __init__(self, program: Path, limits: Limits | None = None) -> None:
        limits = limits or Limits()
        self._program = program
        self._within = limits.conversion_seconds
        self._pixels = limits.pixels
        self._turns = asyncio.Semaphore(limits.conversions_at_once)

    async def missing_encoders(self) -> tuple[str, ...]:
        """Those that we need and this build does not have."""
        async with self._turns:
            code, words = await self._ended([str(self._program), "-hide_banner", "-encoders"], None, 1 << 20)
        listed = {parts[1] for line in words.splitlines() if len(parts := line.split()) > 1}
        return NEEDED_ENCODERS if code else tuple(name for name in NEEDED_ENCODERS if name not in listed)

    async def run(self, job: Job) -> None:
        if job.source.parent != job.target.parent:
            raise ValueError("source and target must stand in one tray")
        if _size(job.target):
            # ffmpeg would leave it alone, and call that a success.
            raise ValueError("there is a file in the place of the target")
        async with self._turns:
            started = time.monotonic()
            code, words = await self._ended(self._command(job), job.source.parent, job.largest)
        fields = {"seconds": round(time.monotonic() - started, 2), "demuxer": job.demuxer, "exit_code": code}
        log.debug("ffmpeg_ended", extra={"fields": fields})
        with contextlib.suppress(FileNotFoundError):
            # The loop that workers run on can set no umask; meanwhile the tray itself lets nobody in.
            job.target.chmod(0o600)
        size = _size(job.target)
        if code == -_FILE_TOO_LARGE_SIGNAL or size > job.largest:
            raise too_large("What the file becomes by conversion", job.largest)
        if code or not size:
            raise MediaError(MediaCode.CONVERSION_FAILED, _failure(words))

    def _command(self, job: Job) -> list[str]:
        # Relative names: what ffmpeg says of them may be shown to the sender.
        source, target = f"file:{job.source.name}", f"file:{job.target.name}"
        reading = ("-protocol_whitelist", "file", "-max_pixels", str(self._pixels), "-threads", "1")
        stripped = ("-map_metadata", "-1", "-map_chapters", "-1", "-sn", "-dn")
        return [
            *(str(self._program), *_QUIET, "-filter_threads", "1"),
            *(*reading, "-f", job.demuxer, "-t", f"{job.seconds:g}", "-i", source),
            *(*stripped, *job.options, "-threads", "1"),
            *("-fs", str(job.largest + 1), "-f", job.muxer, target),
        ]

    async def _ended(self, command: list[str], folder: Path | None, largest: int) -> tuple[int, str]:
        """Its exit code and its last words."""
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                cwd=folder,
                env=_surroundings(),
                start_new_session=True,
            )
        except OSError:
            log.error("ffmpeg_not_started", extra={"fields": {"program": str(self._program)}})
            words = "ffmpeg cannot be started on the worker. Its operator should look at WAYPOST_FFMPEG."
            raise MediaError(MediaCode.CONVERSION_UNAVAILABLE, words) from None
        speech = asyncio.create_task(_last_words(process, _LAST_WORDS if folder else 1 << 16))
        try:
            _restrain(process.pid, self._within, largest)
            async with asyncio.timeout(self._within):
                words = await asyncio.shield(speech)
                return await process.wait(), words
        except TimeoutError:
            words = f"The conversion took longer than {self._within:g} seconds. Send a shorter file."
            raise MediaError(MediaCode.CONVERSION_TOO_SLOW, words) from None
        finally:
            await _end(process, speech)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _surroundings() -> dict[str, str]:
    passed = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {**passed, "LC_ALL": "C", "AV_LOG_FORCE_NOCOLOR": "1"}


def _restrain(pid: int, seconds: float, largest: int) -> None:
    """By the kernel, so that it holds even when we die; within moments of the start, and -fs until then."""
    most = {
        resource.RLIMIT_CPU: int(seconds) + 10,
        resource.RLIMIT_AS: _MEMORY,
        # Somewhat more than is allowed: a file that is moved about while it is finished grows and shrinks.
        resource.RLIMIT_FSIZE: largest * 2 + 1024 * 1024,
        resource.RLIMIT_CORE: 0,
    }
    with contextlib.suppress(ProcessLookupError):
        os.setpriority(os.PRIO_PROCESS, pid, _NICENESS)
        for what, limit in most.items():
            _, hard = resource.prlimit(pid, what)
            lower = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
            resource.prlimit(pid, what, (lower, lower))


async def _last_words(process: asyncio.subprocess.Process, most: int) -> str:
    """Read to the end, for a process that nobody listens to stops; but not kept."""
    kept = b""
    if process.stdout is not None:
        while piece := await process.stdout.read(4096):
            kept = (kept + piece)[-most:]
    return kept.decode(errors="replace")


async def _end(process: asyncio.subprocess.Process, speech: "asyncio.Task[str]") -> None:
    """Also when cancelled, and again cancelled meanwhile: nothing of it stays behind."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    ending = asyncio.gather(process.wait(), speech)
    cancelled = False
    while not ending.done():
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError


def _failure(words: str) -> str:
    """Of ffmpeg's words the last line that tells a cause, without what is not for reading."""
    lines = [line.rpartition("] ")[2].strip() for line in words.splitlines() if line.strip()]
    causes = [line for line in lines if not line.startswith(("Error opening", "Conversion failed"))]
    cause = "".join(letter for letter in (causes or lines or [""])[-1] if letter.isprintable())[:_TOLD_WORDS]
    return f"The file could not be converted: {cause or 'ffmpeg gave no reason'}. Is it damaged?"
