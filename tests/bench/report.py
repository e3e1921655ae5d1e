"""The printed page and the JSON document of one run."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.bench.machine import Machine
from tests.bench.plan import Plan
from tests.bench.tables import Table, text


class Report(msgspec.Struct, frozen=True, rename="camel"):
    taken_at: str
    machine: Machine
    # Only the servers that the benchmarks of this run asked for.
    servers: dict[str, str]
    plan: Plan
    tables: Sequence[Table]


def head(report: Report) -> str:
    machine, plan = report.machine, report.plan
    memory = "" if machine.memory_gib is None else f", {machine.memory_gib:.1f} GiB of memory"
    libraries = ", ".join(f"{name} {number}" for name, number in machine.libraries.items())
    servers = ", ".join(f"{name} {number}" for name, number in report.servers.items()) or "none was needed"
    rounds = "1 round" if plan.rounds == 1 else f"{plan.rounds} rounds, figures are medians over them"
    lines = {
        "Machine": f"{machine.processor}, {machine.cores} cores{memory}, {machine.system}",
        "Busy before": f"{machine.load_average:.2f} processes (load average of one minute)",
        "Python": f"{machine.python}; {libraries}",
        "Servers": f"{servers}; one process of the API, everything on this machine over loopback",
        "Load": f"{rounds}; {plan.seconds:g} s each over HTTP after {plan.warm_up_seconds:g} s of warm-up, "
        f"{plan.short_seconds:g} s inside a process;",
        "": "each connection is kept alive and sends when its last answer is there",
    }
    return "\n".join(f"{name:<12} {value}" for name, value in lines.items())


def page(report: Report) -> str:
    return "\n\n".join([f"Waypost benchmarks, {report.taken_at}", head(report), *map(text, report.tables)])


def write_json(report: Report, file: Path) -> None:
    file.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
