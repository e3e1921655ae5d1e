"""python -m tests.lint: the project's own rules, which no ready-made linter knows."""

import sys
from pathlib import Path

from tests.lint import tenancy

ROOT = Path(__file__).parents[2]


def main() -> int:
    findings = tenancy.check(ROOT / "control_plane")
    for finding in findings:
        print(f"control_plane/{finding}")
    print(f"tenancy: {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
