"""python -m control_plane create-admin"""

import argparse
import asyncio
import getpass
import os
import sys

from sqlalchemy.exc import DBAPIError

from control_plane.accounts.emails import normalise_email
from control_plane.accounts.repository import SignInRepository
from control_plane.db.engine import SystemSite
from control_plane.errors import AppError
from control_plane.http.principal import Role
from control_plane.parts import assemble
from control_plane.settings import Settings


def run(settings: Settings, options: argparse.Namespace) -> int:
    password = os.environ.get("WAYPOST_ADMIN_PASSWORD", "")
    if not password:
        if not sys.stdin.isatty():
            print("waypost: set WAYPOST_ADMIN_PASSWORD, or run this in a terminal", file=sys.stderr)
            return 2
        password = getpass.getpass("Password of the new administrator: ")
    try:
        print(asyncio.run(_create(settings, options, password)))
    except AppError as error:
        print(f"waypost: {error.detail}", *(item["detail"] for item in error.errors), file=sys.stderr)
        return 1
    except (DBAPIError, OSError) as error:
        reason = type(getattr(error, "orig", None) or error).__name__
        print(f"waypost: the database refused ({reason}); has 'migrate' been run?", file=sys.stderr)
        return 1
    return 0


async def _create(settings: Settings, options: argparse.Namespace, password: str) -> str:
    parts = assemble(settings, "waypost-create-admin")
    try:
        async with parts.database.system(SystemSite.COMMAND_LINE) as session:
            email = normalise_email(options.email)
            if options.if_missing and await SignInRepository(session).user_by_email(email) is not None:
                return f"{email} exists"
            await parts.sign_in.create_user(session, email, password, options.name, Role.ADMIN)
            return f"{email} is an administrator"
    finally:
        await parts.close()
