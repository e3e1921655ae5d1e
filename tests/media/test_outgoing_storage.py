"""Files that were handed in: put down while they are open, and copied for whoever forwards them."""

import hashlib
import os
import stat
from pathlib import Path
from tempfile import SpooledTemporaryFile
from uuid import UUID

import pytest

from shared.files.errors import MediaCode, MediaError
from shared.files.keys import outgoing_key, session_folder
from shared.files.storage import ObjectStorage, StoredObject
from tests.media.s3_server import S3Server
from tests.media.stores import bucket_url, read

SESSION = UUID(int=7)
FIRST, SECOND = (outgoing_key(SESSION, UUID(int=number)) for number in (1, 2))


@pytest.fixture(params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest, s3: S3Server, tmp_path: Path) -> ObjectStorage:
    url = str(tmp_path / "media") if request.param == "folder" else bucket_url(s3)
    return ObjectStorage.from_url(url)


async def put(storage: ObjectStorage, data: bytes) -> StoredObject:
    with SpooledTemporaryFile(1024**2) as file:
        file.write(data)
        file.seek(0)
        digest = hashlib.sha256(data).digest()
        stored = StoredObject(key=FIRST, size=len(data), sha256=digest, content_type="image/png")
        await storage.put_open(file, stored)
    return stored


@pytest.mark.parametrize("size", [1, 1000, 12_000_000])
async def test_an_open_file_is_put_down_whole(storage: ObjectStorage, s3: S3Server, size: int):
    data = os.urandom(size)
    stored = await put(storage, data)
    assert await read(storage, FIRST) == data
    assert (await storage.head(FIRST)).size == stored.size
    assert s3.largest_body <= 5 * 1024**2


async def test_a_copy_outlives_what_it_was_copied_from(storage: ObjectStorage):
    stored = await put(storage, b"a picture")
    await storage.copy(FIRST, SECOND)
    assert await storage.find(SECOND, stored.size, stored.sha256) is not None
    await storage.delete(FIRST)
    assert await read(storage, SECOND) == b"a picture"
    assert await storage.delete_session(SESSION) == 1


async def test_what_is_gone_cannot_be_copied(storage: ObjectStorage):
    with pytest.raises(MediaError) as refused:
        await storage.copy(FIRST, SECOND)
    assert refused.value.code is MediaCode.FILE_GONE


async def test_in_a_folder_nobody_else_can_read_them(tmp_path: Path):
    storage = ObjectStorage.from_url(str(tmp_path / "media"))
    await put(storage, b"a picture")
    await storage.copy(FIRST, SECOND)
    for key in (FIRST, SECOND):
        assert key.startswith(f"{session_folder(SESSION)}/")
        assert stat.S_IMODE((tmp_path / "media" / key).stat().st_mode) == 0o600
