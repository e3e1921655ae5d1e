"""How the figures of sending are shown."""

from collections.abc import Mapping, Sequence

from tests.bench.send_round import CONNECTIONS, Round
from tests.bench.tables import Column, Figures, Row, Table, row

_RATES = (
    Column("per_second", "messages/s", 0),
    Column("p50_ms", "p50 ms", 1),
    Column("p99_ms", "p99 ms", 1),
    Column("of_engine", "of engine %", 0),
    Column("cores", "cores busy", 2),
    Column("idle", "idle %", 0),
)
_PARTS = (
    *(Column(name, name, 2) for name in ("api", "background", "agent", "engines", "emulator")),
    *(Column(name, name, 2) for name in ("postgres", "valkey", "load")),
    Column("all", "all ms", 2),
)
_COSTS = (
    *_PARTS,
    Column("transactions", "writing tx", 1),
    Column("wal_kib", "WAL KiB", 1),
    Column("redis", "Redis trips", 1),
)
_PACES = (
    *(
        Column(f"{of}_{name}_ms", f"{of} {name}", 1)
        for of in ("rest", "engine", "own")
        for name in ("p50", "p99")
    ),
    Column("late", "late", 0),
    Column("idle", "idle %", 0),
)
_ACCEPTS = (
    Column("per_second", "accepts/s", 0),
    Column("p50_ms", "p50 ms", 1),
    Column("p99_ms", "p99 ms", 1),
    Column("sent", "sent/s", 0),
    Column("idle", "idle %", 0),
    *_COSTS,
)
_RATES_NOTES = (
    "engine by itself: one text in flight for each session, from an agent's process to the engine and back",
    "whole way: POST …/messages until it is answered 201; the same network, its phones open each message",
    "of engine %: a second, against the engine by itself in the same round and with as many sessions",
    "cores busy: what all parts used together; idle %: of the machine, whoever else works on it;",
    "close to 0 the processor is the limit",
    "each message that was answered stands in the network's journal once",
    "aim: 70 % over 10 sessions, where the processor is not the limit",
)
_COSTS_NOTES = (
    "ms: processor time of each part with its threads and children; load is the load generator's",
    "agent: the worker's own process, or the one beside the engine by itself; engines: what it has started",
    "whatever the parts do beside (beats, looks for work, receipts of the phones) is in it",
    "Redis trips: what it read from its clients; what scripts do inside of it is none",
    "writing tx: transactions that changed something, of the engine's own credential store too",
)
_PACES_NOTES = (
    "over 10 sessions in turn, whether the last text has been answered or not; all in ms;",
    f"over {CONNECTIONS} connections at most: who waits for one waits for us",
    "own: of each message what its caller waited, less what its engine took; percentiles of that",
    "the worker of this run notes that time: from the agent's word to its engine until the answer is there",
    "late: answered 202, because the caller's patience had ended; where there are such, the pace is too high",
    "aim: own p50 10 ms at 50 a second",
)
_ACCEPTS_NOTES = (
    "Prefer: respond-async, 32 callers with a connection each, 10 sessions, one process of the API",
    "sent/s: what left meanwhile; processor time and the like are for each message that was accepted",
    "aims: 700 a second, p99 50 ms",
)


def tables(rounds: Sequence[Round], load_before: float, load_after: float) -> list[Table]:
    rates, busy = [each.rates for each in rounds], _load(load_before, load_after)
    return [
        Table("send", "Texts by the REST API and by the engine alone", _RATES, _rows(rates), _RATES_NOTES),
        Table("send", "What a message costs, in ms of a processor", _COSTS, _rows(rates), _COSTS_NOTES),
        Table("send", "Added to each message", _PACES, _rows([each.paces for each in rounds]), _PACES_NOTES),
        Table(
            "send",
            "Accepted, and not waited for",
            _ACCEPTS,
            _rows([each.accepts for each in rounds]),
            (*_ACCEPTS_NOTES, busy),
        ),
    ]


def _rows(rounds: Sequence[Mapping[str, Figures]]) -> list[Row]:
    return [row(name, [one[name] for one in rounds]) for name in rounds[0]]


def _load(before: float, after: float) -> str:
    return f"busy: {before:.2f} processes before the run, {after:.2f} at its end (its own among them)"
