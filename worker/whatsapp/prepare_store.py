"""Makes the library's tables once, as their owner, and puts the fence around them.

Parallel first connects to an empty database make the library fail; and engines may not make tables at all.
"""

import asyncio
import sys
from argparse import Namespace
from collections.abc import Mapping

import asyncpg

from shared.environment import EnvironmentReader
from shared.redaction import Secret
from worker.whatsapp import library
from worker.whatsapp.stores import STORE_SCHEMA, PostgresStore


def main(environment: Mapping[str, str], _arguments: Namespace) -> int:
    reader = EnvironmentReader(environment)
    url = reader.url("WAYPOST_STORE_URL", ("postgresql", "postgres"), required=True)
    reader.done()
    try:
        attached = asyncio.run(prepare_store(PostgresStore(Secret(url))))
    except (OSError, LookupError, asyncpg.PostgresError) as error:
        reason = error.args[0] if isinstance(error, LookupError) else type(error).__name__
        print(f"waypost: the store was not prepared: {reason}", file=sys.stderr)
        return 1
    print(f"waypost: the store is ready ({attached} tables got a fence)")
    return 0


async def prepare_store(store: PostgresStore) -> int:
    """How many tables got a fence. May run again at any time, and must after an upgrade of the library."""
    connection = await asyncpg.connect(store.url.reveal(), timeout=10)
    try:
        if await connection.fetchval("SELECT to_regnamespace($1)", STORE_SCHEMA) is None:
            raise LookupError("The database has no store yet: run 'python -m control_plane migrate' first.")
        # The library tells a database that it cannot reach from an empty one only by this connection.
        library.client.ClientFactory.get_all_devices_from_db(store.owner_address())
        attached: int = await connection.fetchval(f"SELECT {STORE_SCHEMA}.attach_fences()")
    finally:
        await connection.close()
    return attached
