"""Runs collections against `make run`: python -m tests.collections [sessions …]"""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from deploy.local.run_record import read_run_record
from tests.collections.collection import Collection, CollectionError
from tests.collections.files import files
from tests.collections.parser import read
from tests.collections.runner import Runner


def main(names: Sequence[str]) -> int:
    record = read_run_record(Path(os.environ.get("WAYPOST_DATA_DIR", ".waypost")) / "run.json")
    if not record:
        print("No Waypost runs here. Start one in another terminal: make run", file=sys.stderr)
        return 2
    known = {file.stem: file for file in files()}
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"There is no collection {unknown[0]}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    try:
        collections = [read(known[name]) for name in names or known]
    except CollectionError as trouble:
        print(trouble, file=sys.stderr)
        return 1
    return asyncio.run(_run(collections, _surroundings(record)))


def _surroundings(record: Mapping[str, Any]) -> dict[str, str]:
    """Its own names, but `baseUrl` for `api`."""
    texts = {name: value for name, value in record.items() if isinstance(value, str)}
    return {"baseUrl": texts.pop("api"), **texts}


async def _run(collections: Sequence[Collection], surroundings: Mapping[str, str]) -> int:
    worst = 0
    async with httpx.AsyncClient(timeout=40, trust_env=False) as client:
        for collection in collections:
            troubles = await Runner(client, collection, surroundings).run()
            words = f"{len(collection.requests)} requests, {len(troubles)} troubles"
            print(f"{collection.file.name}: {words}", *troubles, sep="\n  ")
            worst = max(worst, len(troubles) > 0)
    return worst


sys.exit(main(sys.argv[1:]))
