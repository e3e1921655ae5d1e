"""The commands that run once: migrate, create-admin, check-config."""

import argparse
import asyncio
import getpass
import os
import sys

from sqlalchemy.exc import DBAPIError

from control_plane.accounts.emails import normalise_email
from control_plane.accounts.repository import SignInRepository
from control_plane.app import assemble
from control_plane.db import migrations
from control_plane.db.engine import SystemSite
from control_plane.errors import AppError
from control_plane.http.principal import Role
from control_plane.observability.health import Health
from control_plane.settings import Deployment, Settings


def migrate(settings: Settings, options: argparse.Namespace) -> int:
    try:
        asyncio.run(migrations.migrate(settings.database_url.reveal(), options.revision))
    except OSError as error:
        print(f"waypost: WAYPOST_DATABASE_URL: no connection ({type(error).__name__})", file=sys.stderr)
        return 1
    return 0


def create_admin(settings: Settings, options: argparse.Namespace) -> int:
    password = os.environ.get("WAYPOST_ADMIN_PASSWORD", "")
    if not password:
        if not sys.stdin.isatty():
            print("waypost: set WAYPOST_ADMIN_PASSWORD, or run this in a terminal", file=sys.stderr)
            return 2
        password = getpass.getpass("Password of the new administrator: ")
    try:
        print(asyncio.run(_create_admin(settings, options, password)))
    except AppError as error:
        print(f"waypost: {error.detail}", *(item["detail"] for item in error.errors), file=sys.stderr)
        return 1
    except (DBAPIError, OSError) as error:
        reason = type(getattr(error, "orig", None) or error).__name__
        print(f"waypost: the database refused ({reason}); has 'migrate' been run?", file=sys.stderr)
        return 1
    return 0


def check_config(settings: Settings, _options: argparse.Namespace) -> int:
    problems = asyncio.run(_unreachable(settings))
    for problem in problems:
        print(f"waypost: {problem}", file=sys.stderr)
    for remark in _remarks(settings):
        print(f"waypost: note: {remark}")
    if not problems:
        print("waypost: settings are good, servers answer")
    return 1 if problems else 0


async def _create_admin(settings: Settings, options: argparse.Namespace, password: str) -> str:
    parts = assemble(settings, "waypost-create-admin")
    try:
        async with parts.database.system(SystemSite.COMMAND_LINE) as session:
            email = normalise_email(options.email)
            if options.if_missing and await SignInRepository(session).user_by_email(email) is not None:
                return f"{email} exists"
            await parts.sign_in.create_user(session, email, password, options.name, Role.ADMIN)
            return f"{email} is an administrator"
    finally:
        await parts.database.close()
        await parts.redis.aclose()
        parts.hasher.close()


async def _unreachable(settings: Settings) -> list[str]:
    """Pending migrations are no fault of the settings: this runs before them at a first start."""
    parts = assemble(settings, "waypost-check-config")
    problems = []
    try:
        engine = migrations.owner_engine(settings.database_url.reveal())
        try:
            async with engine.connect():
                pass
        except Exception as error:
            problems.append(f"WAYPOST_DATABASE_URL: no connection ({type(error).__name__})")
        finally:
            await engine.dispose()
        redis = await Health(parts.database, parts.redis, "").redis()
        if redis.status != "up":
            problems.append(f"WAYPOST_REDIS_URL: no connection ({redis.detail})")
    finally:
        await parts.database.close()
        await parts.redis.aclose()
        parts.hasher.close()
    return problems


def _remarks(settings: Settings) -> list[str]:
    remarks = []
    if settings.deployment is not Deployment.DEVELOPMENT:
        if settings.smtp_url is None:
            remarks.append("WAYPOST_SMTP_URL is not set: forgotten passwords cannot be reset by mail")
        if not settings.public_url.startswith("https://"):
            remarks.append("WAYPOST_PUBLIC_URL is not https://: put TLS in front before people log in")
        if settings.metrics_token is None:
            remarks.append("WAYPOST_METRICS_TOKEN is not set: whoever reaches the API can read /metrics")
        if not settings.trusted_proxies:
            remarks.append("WAYPOST_TRUSTED_PROXIES is not set: behind a proxy all clients share one address")
    return remarks
