"""Jobs for ffmpeg, and programs in its place."""

from pathlib import Path

import pytest

from shared.files.errors import MediaCode, MediaError
from worker.media.ffmpeg import Ffmpeg, Job
from worker.media.limits import Limits
from worker.media.shelf import Tray

TO_MP4 = ("-map", "0:v:0", "-c:v", "libx264", "-preset", "ultrafast")


def make_job(tray: Tray, source: Path, demuxer: str, **changes: object) -> Job:
    given = {"options": TO_MP4, "largest": 1_000_000, "seconds": 60.0, "muxer": "mp4"} | changes
    return Job(source=source, demuxer=demuxer, target=tray.place("mp4"), **given)  # type: ignore[arg-type]


def put(tray: Tray, data: bytes) -> Path:
    path = tray.place()
    with tray.create(path) as file:
        file.write(data)
    return path


async def refusal(ffmpeg: Ffmpeg, job: Job) -> MediaCode:
    with pytest.raises(MediaError) as caught:
        await ffmpeg.run(job)
    return caught.value.code


def make_impostor(folder: Path, script: str) -> Path:
    """A program in the place of ffmpeg."""
    path = folder / "impostor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return path


def patient(seconds: float, at_once: int = 2) -> Limits:
    return Limits(conversion_seconds=seconds, conversions_at_once=at_once)
