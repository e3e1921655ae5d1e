"""Databases on the server of the run."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from tests import run_folder


async def create_database(name: str, template: str | None = None) -> str:
    """Its address; nobody drops it before the server ends."""
    connection = await asyncpg.connect(run_folder.servers()["database"])
    try:
        await connection.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
    finally:
        await connection.close()
    return run_folder.servers()["database"].rpartition("/")[0] + "/" + name


@asynccontextmanager
async def own_database(purpose: str, template: str | None = None) -> AsyncIterator[str]:
    """The address of one that is dropped at the end, whoever is still connected; empty without a template."""
    name = f"{purpose}_{secrets.token_hex(4)}"
    url = await create_database(name, template)
    try:
        yield url
    finally:
        connection = await asyncpg.connect(run_folder.servers()["database"])
        try:
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        finally:
            await connection.close()
