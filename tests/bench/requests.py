"""Authenticated requests, beside a route of the same framework that does nothing."""

from dataclasses import dataclass

from tests.bench.accounts import unlimited_api_key
from tests.bench.http_load import Job, Result
from tests.bench.plan import Plan
from tests.bench.stand import HttpServer, Stand
from tests.bench.stopwatch import ratio
from tests.bench.tables import Column, Figures, Table, row

_CONNECTIONS = (1, 32)
_COLUMNS = (
    Column("requests_per_second", "requests/s", 0),
    Column("p50_ms", "p50 ms", 2),
    Column("p99_ms", "p99 ms", 2),
    Column("of_bare", "of bare", 2),
    Column("spread", "spread %", 0),
    Column("server_us", "server µs", 0),
    Column("server_us_of_bare", "x bare", 1),
    Column("server_busy", "server %", 0),
    Column("load_busy", "load %", 0),
)
_NOTES = (
    "of bare: requests a second against the bare route of the same round",
    "spread %: from the slowest to the fastest round, of their median: how noisy the machine was",
    "server µs: processor time of the server's process for each request; x bare: against the bare route",
    "server %, load %: of one core. granian's own threads work beside Python's, so 100 can be exceeded.",
    "load %: close to 100 means that the load generator is the limit: canned answers show what that is",
)
_BARE = "bare Litestar route"


@dataclass(frozen=True, slots=True)
class _Target:
    name: str
    server: HttpServer
    request: str


def run(stand: Stand, plan: Plan) -> list[Table]:
    targets = _targets(stand)
    found: dict[int, dict[str, list[Figures]]] = {
        connections: {target.name: [] for target in targets} for connections in _CONNECTIONS
    }
    for number in range(1, plan.rounds + 1):
        for connections in _CONNECTIONS:
            stand.say(f"requests: round {number} of {plan.rounds}, {connections} at once")
            figures = {target.name: _measure(stand, plan, target, connections) for target in targets}
            for name, own in figures.items():
                found[connections][name].append(_beside(own, figures[_BARE]))
    return [_table(connections, rows) for connections, rows in found.items()]


def _targets(stand: Stand) -> list[_Target]:
    key = unlimited_api_key(stand)
    api, logging_api = stand.api(), stand.api("info")
    return [
        _Target("canned answers", stand.canned_answers(), _get("/")),
        _Target(_BARE, stand.bare_route(), _get("/")),
        _Target("GET /v1/whoami", api, _get("/v1/whoami", key)),
        _Target("GET /v1/whoami, logged", logging_api, _get("/v1/whoami", key)),
        _Target("GET /v1/users/me/usage", api, _get("/v1/users/me/usage", key)),
    ]


def _get(path: str, key: str = "") -> str:
    lines = [f"GET {path} HTTP/1.1", "Host: waypost.example", "Accept: application/json"]
    lines += [f"Authorization: Bearer {key}"] if key else []
    return "\r\n".join([*lines, "", ""])


def _measure(stand: Stand, plan: Plan, target: _Target, connections: int) -> Figures:
    result = stand.load(
        Job(
            port=target.server.port,
            connections=connections,
            seconds=plan.seconds,
            warm_up_seconds=plan.warm_up_seconds,
            requests=[target.request],
            expected_status=200,
            server_pid=target.server.pid,
        )
    )
    return http_figures(result)


def http_figures(result: Result) -> dict[str, float | None]:
    server = result.server_processor_seconds
    return {
        "requests_per_second": result.requests / result.seconds,
        "p50_ms": result.p50_ms,
        "p99_ms": result.p99_ms,
        "server_us": None if server is None else server / result.requests * 1e6,
        "server_busy": None if server is None else server / result.seconds * 100,
        "load_busy": result.own_processor_seconds / result.seconds * 100,
    }


def _beside(own: Figures, bare: Figures) -> Figures:
    return {
        **own,
        "of_bare": ratio(own, bare, "requests_per_second"),
        "server_us_of_bare": ratio(own, bare, "server_us"),
    }


def _table(connections: int, found: dict[str, list[Figures]]) -> Table:
    many = "connection" if connections == 1 else "connections"
    return Table(
        benchmark="requests",
        title=f"Authenticated requests with an API key, {connections} {many}",
        columns=_COLUMNS,
        rows=[row(name, rounds, spread_of="requests_per_second") for name, rounds in found.items()],
        notes=_NOTES if connections == _CONNECTIONS[-1] else (),
    )
