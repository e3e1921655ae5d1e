"""python -m control_plane check-config"""

import argparse
import asyncio
import sys

from control_plane.db.migrations import owner_engine
from control_plane.redis_map import connect
from control_plane.settings import Deployment, Settings


def run(settings: Settings, _options: argparse.Namespace) -> int:
    problems = asyncio.run(_unreachable(settings))
    for problem in problems:
        print(f"waypost: {problem}", file=sys.stderr)
    for remark in _remarks(settings):
        print(f"waypost: note: {remark}")
    if not problems:
        print("waypost: settings are good, servers answer")
    return 1 if problems else 0


async def _unreachable(settings: Settings) -> list[str]:
    """Pending migrations are no fault of the settings: this runs before them at a first start."""
    problems = []
    engine, redis = owner_engine(settings.database_url.reveal()), connect(settings.redis_url.reveal())
    try:
        async with engine.connect():
            pass
    except Exception as error:
        problems.append(f"WAYPOST_DATABASE_URL: no connection ({type(error).__name__})")
    try:
        await redis.ping()
    except Exception as error:
        problems.append(f"WAYPOST_REDIS_URL: no connection ({type(error).__name__})")
    await engine.dispose()
    await redis.aclose()
    return problems


def _remarks(settings: Settings) -> list[str]:
    if settings.deployment is Deployment.DEVELOPMENT:
        return []
    remarks = {
        "WAYPOST_SMTP_URL is not set: forgotten passwords cannot be reset by mail": not settings.smtp_url,
        "WAYPOST_PUBLIC_URL is not https://: put TLS in front before people log in": (
            not settings.public_url.startswith("https://")
        ),
        "WAYPOST_METRICS_TOKEN is not set: whoever reaches the API can read /metrics": (
            not settings.metrics_token
        ),
        "WAYPOST_TRUSTED_PROXIES is not set: behind a proxy all clients share one address": (
            not settings.trusted_proxies
        ),
    }
    return [remark for remark, holds in remarks.items() if holds]
