"""Kept files, in a folder and in a bucket alike."""

import asyncio
import hashlib
import os
import stat
from pathlib import Path

import pytest

from shared.files.errors import MediaCode, MediaError
from shared.files.keys import media_key
from shared.files.storage import ObjectStorage
from tests.media.s3_server import S3Server
from tests.media.stores import HASTY, KEY, bucket_url, content, read


@pytest.fixture(params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest, s3: S3Server, tmp_path: Path) -> ObjectStorage:
    url = str(tmp_path / "media") if request.param == "folder" else bucket_url(s3)
    return ObjectStorage.from_url(url, patience=HASTY)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def _code(storage: ObjectStorage, key: str) -> MediaCode:
    with pytest.raises(MediaError) as caught:
        await read(storage, key)
    return caught.value.code


async def test_what_is_put_can_be_got_whole_and_in_parts(storage: ObjectStorage, file: Path):
    data = content(file)
    stored = await storage.put(KEY, file, content_type="image/jpeg")
    assert (stored.size, stored.sha256) == (len(data), hashlib.sha256(data).digest())
    assert await read(storage, KEY) == data
    assert await read(storage, KEY, 10, 20) == data[10:20]
    assert await read(storage, KEY, 699_999) == data[-1:]
    assert await read(storage, KEY, 0, 1) == data[:1]
    assert await read(storage, KEY, 699_990, 10**9) == data[-10:]
    head = await storage.head(KEY)
    assert (head.key, head.size, head.content_type) == (KEY, len(data), "image/jpeg")


async def test_a_large_file_is_put_in_parts_and_read_in_pieces(
    storage: ObjectStorage, s3: S3Server, tmp_path: Path
):
    path = tmp_path / "large"
    path.write_bytes(os.urandom(1024) * 12_000)
    stored = await storage.put(KEY, path)
    pieces = [piece async for piece in storage.get(KEY)]
    assert hashlib.sha256(b"".join(pieces)).digest() == stored.sha256
    assert len(pieces) > 10
    assert s3.largest_body <= 5 * 1024**2
    assert s3.uploads == {}


async def test_what_is_there_already_is_not_written_again(storage: ObjectStorage, s3: S3Server, file: Path):
    await storage.put(KEY, file)
    puts = s3.count("PUT")
    await storage.put(KEY, file)
    assert s3.count("PUT") == puts


async def test_other_content_under_the_same_key_replaces_it(
    storage: ObjectStorage, file: Path, tmp_path: Path
):
    await storage.put(KEY, file)
    other = tmp_path / "other"
    other.write_bytes(bytes(reversed(content(file))))
    await storage.put(KEY, other)
    assert await read(storage, KEY) == content(other)


async def test_a_file_that_is_not_what_was_promised_is_not_put(storage: ObjectStorage, file: Path):
    with pytest.raises(MediaError) as caught:
        await storage.put(KEY, file, sha256=bytes(32))
    assert caught.value.code is MediaCode.FILE_ALTERED
    assert not await storage.exists(KEY)


async def test_what_is_deleted_is_gone_and_may_be_deleted_again(storage: ObjectStorage, file: Path):
    await storage.put(KEY, file)
    assert await storage.exists(KEY)
    await storage.delete(KEY)
    await storage.delete(KEY)
    assert not await storage.exists(KEY)
    assert await _code(storage, KEY) is MediaCode.FILE_GONE
    with pytest.raises(MediaError) as caught:
        await storage.head(KEY)
    assert caught.value.code is MediaCode.FILE_GONE


async def test_all_files_of_a_session_go_together_and_no_others(storage: ObjectStorage, file: Path):
    mine = [media_key("abc", f"3EB{n}", bytes([n]) * 32, "jpg") for n in range(7)]
    others = [media_key("abcd", "3EB0", bytes(32), "jpg"), media_key("ab", "3EB0", bytes(32), "jpg")]
    for key in (*mine, *others):
        await storage.put(key, file)
    assert await storage.delete_session("abc") == 7
    assert [await storage.exists(key) for key in mine] == [False] * 7
    assert [await storage.exists(key) for key in others] == [True, True]
    assert await storage.delete_session("abc") == 0


async def test_a_storage_that_works_passes_its_check_and_keeps_nothing_of_it(
    storage: ObjectStorage, s3: S3Server, tmp_path: Path
):
    await storage.check()
    assert s3.objects == {}
    assert [path for path in (tmp_path / "media").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("key", ["../x", "/etc/passwd", "a/../../x", ""])
async def test_a_key_that_is_not_ours_reaches_no_storage(storage: ObjectStorage, file: Path, key: str):
    with pytest.raises(ValueError, match="no key of ours"):
        await storage.put(key, file)
    for call in (storage.head, storage.delete, storage.exists):
        with pytest.raises(ValueError, match="no key of ours"):
            await call(key)
    with pytest.raises(ValueError, match="no key of ours"):
        await read(storage, key)


@pytest.mark.parametrize(("start", "end"), [(-1, None), (5, 5), (5, 4)])
async def test_a_range_that_is_none_is_refused(storage: ObjectStorage, start: int, end: int | None):
    with pytest.raises(ValueError, match="a range begins"):
        await read(storage, KEY, start, end)


async def test_the_same_file_put_many_times_at_once_is_whole(storage: ObjectStorage, file: Path):
    await asyncio.gather(*(storage.put(KEY, file) for _ in range(10)))
    assert await read(storage, KEY) == content(file)


async def test_in_a_folder_nobody_else_can_read_a_file(tmp_path: Path, file: Path):
    for url in (str(tmp_path / "plain"), f"file://{tmp_path}/by%20url"):
        await ObjectStorage.from_url(url).put(KEY, file)
    for folder in (tmp_path / "plain", tmp_path / "by url"):
        assert _mode(folder) == 0o700
        assert _mode(folder / KEY) == 0o600


async def test_a_folder_that_was_open_to_all_is_closed_and_one_of_a_group_stays_so(
    tmp_path: Path, file: Path
):
    folder = tmp_path / "open"
    folder.mkdir(mode=0o755)
    await ObjectStorage.from_url(str(folder)).put(KEY, file)
    assert _mode(folder) == 0o750
    assert _mode(folder / KEY) == 0o640


async def test_a_folder_that_cannot_be_written_is_told_in_a_sentence(tmp_path: Path):
    storage = ObjectStorage.from_url(str(tmp_path / "media"))
    # As root even a closed folder can be written: a file stands where the folder of the check should be.
    (tmp_path / "media" / "checks").write_bytes(b"in the way")
    with pytest.raises(MediaError) as caught:
        await storage.check()
    assert caught.value.code is MediaCode.STORAGE_UNAVAILABLE
    assert str(tmp_path / "media") in caught.value.words
    with pytest.raises(ValueError, match="cannot be used as storage"):
        ObjectStorage.from_url(str(tmp_path / "media" / "checks" / "below"))
