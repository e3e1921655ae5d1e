"""Logins with a password, beside hashing alone."""

import itertools
import json
import os
import secrets

import uvloop

from control_plane.accounts.passwords import PasswordHasher
from tests.bench.accounts import make_people
from tests.bench.http_load import Job
from tests.bench.plan import Plan
from tests.bench.requests import http_figures
from tests.bench.stand import HttpServer, Stand
from tests.bench.stopwatch import ratio, sample_async, summary
from tests.bench.tables import Column, Figures, Table, row

_AT_ONCE = (1, 8)
# Each account may log in 100 times in ten minutes, and each address is used for one request only.
_PEOPLE = 500
_MOST_LOGINS_PER_SECOND = 500
_COLUMNS = (
    Column("requests_per_second", "logins/s", 1),
    Column("p50_ms", "p50 ms", 1),
    Column("p99_ms", "p99 ms", 1),
    Column("of_hashing", "of hashing", 2),
    Column("spread", "spread %", 0),
    Column("server_us", "server µs", 0),
    Column("server_busy", "server %", 0),
    Column("load_busy", "load %", 0),
)
_NOTES = (
    "hashing alone: the API's own hasher verifies the same password, with as many at once, in this process",
    "of hashing: logins a second against hashing alone in the same round",
)


def run(stand: Stand, plan: Plan) -> list[Table]:
    api, password = stand.api(), secrets.token_urlsafe(16)
    logins = _Logins(make_people(stand, _PEOPLE, password), password)
    found: dict[str, list[Figures]] = {}
    for number in range(1, plan.rounds + 1):
        stand.say(f"login: round {number} of {plan.rounds}")
        for at_once in _AT_ONCE:
            alone = uvloop.run(_hashing_alone(password, at_once, plan.seconds))
            own = _measure(stand, plan, api, logins, at_once)
            figures = {
                f"hashing alone, {at_once} at once": alone,
                f"POST /v1/auth/login, {at_once} at once": own,
            }
            for name, each in figures.items():
                both = {**each, "of_hashing": ratio(each, alone, "requests_per_second")}
                found.setdefault(name, []).append(both)
    rows = [row(name, rounds, spread_of="requests_per_second") for name, rounds in found.items()]
    return [Table("login", "Logins with a password (argon2id)", _COLUMNS, rows, _NOTES)]


class _Logins:
    """Requests of many accounts from many addresses, so that what is measured is work and not refusals."""

    def __init__(self, emails: list[str], password: str) -> None:
        self._bodies = itertools.cycle(
            [json.dumps({"email": email, "password": password}) for email in emails]
        )
        self._addresses = itertools.count(1)

    def next(self) -> str:
        body, number = next(self._bodies), next(self._addresses)
        address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        lines = [
            "POST /v1/auth/login HTTP/1.1",
            "Host: waypost.example",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            f"X-Forwarded-For: {address}",
        ]
        return "\r\n".join([*lines, "", body])


def _measure(stand: Stand, plan: Plan, api: HttpServer, logins: _Logins, at_once: int) -> Figures:
    seconds = plan.seconds + plan.warm_up_seconds
    result = stand.load(
        Job(
            port=api.port,
            connections=at_once,
            seconds=plan.seconds,
            warm_up_seconds=plan.warm_up_seconds,
            requests=[logins.next() for _ in range(int(seconds * _MOST_LOGINS_PER_SECOND))],
            expected_status=200,
            server_pid=api.pid,
        )
    )
    return http_figures(result)


async def _hashing_alone(password: str, at_once: int, seconds: float) -> Figures:
    hasher = PasswordHasher(os.cpu_count() or 1, at_once)
    try:
        stored = await hasher.hash(password)
        taken = await sample_async(lambda: hasher.verify(password, stored), seconds, at_once)
    finally:
        hasher.close()
    microseconds = summary(taken)
    return {
        "requests_per_second": len(taken) / seconds,
        "p50_ms": (microseconds["p50_us"] or 0) / 1000,
        "p99_ms": (microseconds["p99_us"] or 0) / 1000,
    }
