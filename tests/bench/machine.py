"""What the figures were taken on: without it they say nothing."""

import asyncio
import os
import platform
from importlib.metadata import version
from pathlib import Path

import asyncpg
import msgspec
from redis import Redis

_LIBRARIES = (
    "litestar",
    "granian",
    "uvloop",
    "sqlalchemy",
    "asyncpg",
    "redis",
    "hiredis",
    "argon2-cffi",
    "neonize",
)


class Machine(msgspec.Struct, frozen=True, rename="camel"):
    processor: str
    cores: int
    memory_gib: float | None
    load_average: float
    system: str
    python: str
    libraries: dict[str, str]


def this_machine() -> Machine:
    return Machine(
        processor=_processor(),
        cores=_usable_cores(),
        memory_gib=_memory_gib(),
        load_average=os.getloadavg()[0],
        system=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        libraries={name: version(name) for name in _LIBRARIES},
    )


def postgres_version(url: str) -> str:
    async def ask() -> str:
        connection = await asyncpg.connect(url)
        try:
            return str(await connection.fetchval("SHOW server_version"))
        finally:
            await connection.close()

    return asyncio.run(ask())


def valkey_version(url: str) -> str:
    with Redis.from_url(url) as redis:
        told = redis.info("server")
    assert isinstance(told, dict)
    return str(told.get("valkey_version") or told["redis_version"])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_gib() -> float | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (ValueError, OSError):
        return None
