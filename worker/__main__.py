"""python -m worker"""

import asyncio
import sys

from shared.environment import SettingsError
from shared.log_lines import configure_log_lines
from worker.app import run
from worker.settings import Settings


def main() -> int:
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        for problem in error.problems:
            print(f"waypost: {problem}", file=sys.stderr)
        return 2
    configure_log_lines(settings.log_format, settings.log_level, f"worker:{settings.worker_id}")
    return asyncio.run(run(settings))


if __name__ == "__main__":
    sys.exit(main())
