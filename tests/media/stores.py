"""Storages for the tests: how patient they are, and where they are."""

from datetime import timedelta
from pathlib import Path

from shared.files.keys import media_key
from shared.files.storage import ObjectStorage
from shared.files.storage_url import Patience
from tests.media.s3_server import S3Server

HASTY = Patience(
    connect=timedelta(seconds=2),
    silence=timedelta(seconds=0.3),
    retries=2,
    retry_for=timedelta(seconds=2),
    first_pause=timedelta(milliseconds=1),
)
ACCESS, SECRET = "AKIATESTTEST", "verysecretindeed"
KEY = media_key("0190a000", "3EB0", bytes(32), "jpg")


def bucket_url(server: S3Server, *, bucket: str = "media", access: str = ACCESS) -> str:
    credentials = f"access_key_id={access}&secret_access_key={SECRET}"
    return f"s3://{bucket}/kept?endpoint={server.url}&region=eu-central-1&{credentials}"


async def read(storage: ObjectStorage, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([piece async for piece in storage.get(key, start, end)])


def content(path: Path) -> bytes:
    return path.read_bytes()
