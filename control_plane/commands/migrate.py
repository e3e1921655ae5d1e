"""python -m control_plane migrate"""

import argparse
import asyncio
import sys

from control_plane.db import migrations
from control_plane.settings import Settings


def run(settings: Settings, options: argparse.Namespace) -> int:
    try:
        asyncio.run(migrations.migrate(settings.database_url.reveal(), options.revision))
    except OSError as error:
        print(f"waypost: WAYPOST_DATABASE_URL: no connection ({type(error).__name__})", file=sys.stderr)
        return 1
    return 0
