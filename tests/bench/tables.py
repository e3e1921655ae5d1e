"""What a benchmark found: rows of figures, each with the rounds that it was taken from."""

from collections.abc import Mapping, Sequence
from statistics import median

import msgspec

Figures = Mapping[str, float | None]


class Column(msgspec.Struct, frozen=True):
    key: str
    heading: str
    decimals: int


class Row(msgspec.Struct, frozen=True):
    name: str
    figures: Figures
    rounds: Sequence[Figures]


class Table(msgspec.Struct, frozen=True):
    benchmark: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    notes: Sequence[str] = ()


def row(name: str, rounds: Sequence[Figures], spread_of: str = "") -> Row:
    """A ratio is taken within its round first; its median comes last."""
    figures = {key: _median([one[key] for one in rounds]) for key in rounds[0]}
    if spread_of:
        figures["spread"] = _spread([one[spread_of] for one in rounds])
    return Row(name, figures, rounds)


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest rank: a value that was really measured."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def text(table: Table) -> str:
    widths = [max(len(column.heading), 9) for column in table.columns]
    name_width = max(len(row.name) for row in table.rows)
    lines = [table.title]
    headings = [column.heading.rjust(width) for column, width in zip(table.columns, widths, strict=True)]
    lines.append(f"  {'':{name_width}}  {'  '.join(headings)}")
    for each in table.rows:
        cells = [
            _cell(each.figures.get(column.key), column.decimals).rjust(width)
            for column, width in zip(table.columns, widths, strict=True)
        ]
        lines.append(f"  {each.name:{name_width}}  {'  '.join(cells)}")
    lines += [f"  * {note}" for note in table.notes]
    return "\n".join(lines)


def _cell(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:,.{decimals}f}"


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _spread(values: Sequence[float | None]) -> float | None:
    """From the least to the most, in hundredths of the median; of a single round there is none."""
    known = [value for value in values if value is not None]
    return (max(known) - min(known)) / median(known) * 100 if len(known) > 1 else None
