"""A stage for each test. What asks for `leases` runs with short ones, and in `make chaos` with real ones."""

import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.conftest import TEMPLATE
from tests.fleet.leases import DEFAULT, SHORT, Leases
from tests.fleet.stage import Stage, stage

Tell = Callable[[str], None]


@pytest.fixture(
    params=[pytest.param(SHORT, id="short"), pytest.param(DEFAULT, id="default", marks=pytest.mark.chaos)]
)
def leases(request: pytest.FixtureRequest) -> Leases:
    found: Leases = request.param
    return found


@pytest.fixture
async def fleet(leases: Leases, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, TEMPLATE, **leases.settings) as opened:
        yield opened


@pytest.fixture
async def short_fleet(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, TEMPLATE, **SHORT.settings) as opened:
        yield opened


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Tell:
    """Said to whoever runs the tests, whatever becomes of the test."""

    def say(words: str) -> None:
        with capsys.disabled():
            print(f"\n{words}", file=sys.stderr)

    return say
