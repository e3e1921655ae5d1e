"""A bounded load over HTTP/1.1 with keep-alive: each connection sends when its last answer is there.

It runs as a process of its own: `python -m tests.bench.http_load JOB RESULT`, both files of JSON. It reads of
an answer what it needs and no more, so that the server is what is measured.
"""

import asyncio
import itertools
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import msgspec
import uvloop

from tests.bench.processor_time import processor_seconds
from tests.bench.tables import percentile

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_PATIENCE_SECONDS = 30.0


class Job(msgspec.Struct, frozen=True, kw_only=True):
    port: int
    connections: int
    seconds: float
    warm_up_seconds: float
    # Sent in turn, begun again after the last one.
    requests: list[str]
    expected_status: int
    server_pid: int


class Result(msgspec.Struct, frozen=True, kw_only=True):
    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    own_processor_seconds: float
    # None where the system does not tell.
    server_processor_seconds: float | None


class UnexpectedAnswerError(Exception):
    """The figures of a load that was refused mean nothing."""


class _Load:
    """What the connections share."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.requests: Iterator[bytes] = itertools.cycle([text.encode() for text in job.requests])
        self.latencies: list[float] = []
        # Within the time of the measurement, whenever they were sent.
        self.answered = 0
        self.statuses: Counter[int] = Counter()
        self.problem = ""
        self.begins_at = time.perf_counter() + job.warm_up_seconds
        self.ends_at = self.begins_at + job.seconds

    def fail(self, problem: str) -> None:
        self.problem = self.problem or problem
        self.ends_at = 0.0


class _Connection(asyncio.Protocol):
    def __init__(self, load: _Load) -> None:
        self._load = load
        self._answer = bytearray()
        self._whole = 0
        self._sent_at = 0.0
        self._leaving = False
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(
            "asyncio.Transport", transport
        )  # uvloop's is one without being derived from it
        self._send()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if not self._whole:
            head_end = self._answer.find(_HEAD_END)
            if head_end < 0:
                return
            self._whole = head_end + len(_HEAD_END) + _content_length(self._answer[:head_end].lower())
        if len(self._answer) >= self._whole:
            self._record(time.perf_counter())
            self._answer.clear()
            self._whole = 0
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._leaving:
            self._load.fail(f"the server closed a connection ({exc})")
        if not self.ended.done():
            self.ended.set_result(None)

    def _send(self) -> None:
        now = time.perf_counter()
        if now >= self._load.ends_at:
            self._leaving = True
            self._transport.close()
            return
        self._sent_at = now
        self._transport.write(next(self._load.requests))

    def _record(self, now: float) -> None:
        load = self._load
        status = int(self._answer[9:12])
        if status != load.job.expected_status:
            load.fail(f"answered {status}: {bytes(self._answer[-400:]).decode('latin-1')}")
        if load.begins_at <= now < load.ends_at:
            load.answered += 1
        if self._sent_at >= load.begins_at:
            load.latencies.append(now - self._sent_at)


def _content_length(head: bytes | bytearray) -> int:
    begin = head.find(_LENGTH)
    if begin < 0:
        raise UnexpectedAnswerError(f"an answer without its length: {bytes(head)!r}")
    end = head.find(b"\r\n", begin)
    return int(head[begin + len(_LENGTH) : end if end >= 0 else len(head)])


async def run(job: Job) -> Result:
    load, loop = _Load(job), asyncio.get_running_loop()
    connections = [
        (await loop.create_connection(lambda: _Connection(load), "127.0.0.1", job.port))[1]
        for _ in range(job.connections)
    ]
    await asyncio.sleep(load.begins_at - time.perf_counter())
    began, own, server = time.perf_counter(), time.process_time(), processor_seconds(job.server_pid)
    await asyncio.sleep(load.ends_at - time.perf_counter())
    seconds, own = time.perf_counter() - began, time.process_time() - own
    server_end = processor_seconds(job.server_pid)
    answered = load.answered
    await asyncio.wait_for(
        asyncio.gather(*(connection.ended for connection in connections)), _PATIENCE_SECONDS
    )
    if load.problem or not load.latencies or not answered:
        raise UnexpectedAnswerError(load.problem or "there was no answer in time")
    ordered = sorted(load.latencies)
    return Result(
        requests=answered,
        seconds=seconds,
        p50_ms=percentile(ordered, 0.5) * 1000,
        p99_ms=percentile(ordered, 0.99) * 1000,
        own_processor_seconds=own,
        server_processor_seconds=None if server is None or server_end is None else server_end - server,
    )


def main(job_file: str, result_file: str) -> int:
    job = msgspec.json.decode(Path(job_file).read_bytes(), type=Job)
    try:
        result = uvloop.run(run(job))
    except UnexpectedAnswerError as error:
        print(error, file=sys.stderr)
        return 1
    Path(result_file).write_bytes(msgspec.json.encode(result))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
