"""Kept files, in a folder and in a bucket alike."""

import asyncio
import hashlib
import os
import stat
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from tests import run_folder
from tests.media.s3_server import S3Server, fault, stall
from worker.media.errors import MediaCode, MediaError
from worker.media.keys import media_key
from worker.media.storage import ObjectStorage
from worker.media.storage_url import Patience

HASTY = Patience(
    connect=timedelta(seconds=2),
    silence=timedelta(seconds=0.3),
    retries=2,
    retry_for=timedelta(seconds=2),
    first_pause=timedelta(milliseconds=1),
)
ACCESS, SECRET = "AKIATESTTEST", "verysecretindeed"
KEY = media_key("0190a000", "3EB0", bytes(32), "jpg")


@pytest.fixture
async def s3() -> AsyncIterator[S3Server]:
    run_folder.note_secret(SECRET)
    async with S3Server("media", ACCESS) as server:
        yield server


def _url(server: S3Server, *, bucket: str = "media", access: str = ACCESS) -> str:
    credentials = f"access_key_id={access}&secret_access_key={SECRET}"
    return f"s3://{bucket}/kept?endpoint={server.url}&region=eu-central-1&{credentials}"


@pytest.fixture(params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest, s3: S3Server, tmp_path: Path) -> ObjectStorage:
    url = str(tmp_path / "media") if request.param == "folder" else _url(s3)
    return ObjectStorage.from_url(url, patience=HASTY)


@pytest.fixture
def bucket(s3: S3Server) -> ObjectStorage:
    return ObjectStorage.from_url(_url(s3), patience=HASTY)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(700_000))
    return path


def _content(path: Path) -> bytes:
    return path.read_bytes()


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def _read(storage: ObjectStorage, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([piece async for piece in storage.get(key, start, end)])


async def _code(storage: ObjectStorage, key: str) -> MediaCode:
    with pytest.raises(MediaError) as caught:
        await _read(storage, key)
    return caught.value.code


async def test_what_is_put_can_be_got_whole_and_in_parts(storage: ObjectStorage, file: Path):
    data = _content(file)
    stored = await storage.put(KEY, file, content_type="image/jpeg")
    assert (stored.size, stored.sha256) == (len(data), hashlib.sha256(data).digest())
    assert await _read(storage, KEY) == data
    assert await _read(storage, KEY, 10, 20) == data[10:20]
    assert await _read(storage, KEY, 699_999) == data[-1:]
    assert await _read(storage, KEY, 0, 1) == data[:1]
    assert await _read(storage, KEY, 699_990, 10**9) == data[-10:]
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
    other.write_bytes(bytes(reversed(_content(file))))
    await storage.put(KEY, other)
    assert await _read(storage, KEY) == _content(other)


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
        await _read(storage, key)


@pytest.mark.parametrize(("start", "end"), [(-1, None), (5, 5), (5, 4)])
async def test_a_range_that_is_none_is_refused(storage: ObjectStorage, start: int, end: int | None):
    with pytest.raises(ValueError, match="a range begins"):
        await _read(storage, KEY, start, end)


async def test_the_same_file_put_many_times_at_once_is_whole(storage: ObjectStorage, file: Path):
    await asyncio.gather(*(storage.put(KEY, file) for _ in range(10)))
    assert await _read(storage, KEY) == _content(file)


# ---- a folder ----


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


# ---- a bucket ----


async def test_a_bucket_keeps_the_type_and_what_browsers_may_do_with_it(
    bucket: ObjectStorage, s3: S3Server, file: Path
):
    other = media_key("0190a000", "3EB1", bytes(32), "html")
    await bucket.put(KEY, file, content_type="image/jpeg")
    await bucket.put(other, file, content_type="text/html")
    shown, saved = s3.objects[f"kept/{KEY}"].headers, s3.objects[f"kept/{other}"].headers
    assert (shown["Content-Type"], shown["Content-Disposition"]) == ("image/jpeg", "inline")
    assert (saved["Content-Type"], saved["Content-Disposition"]) == ("text/html", "attachment")
    head = await bucket.head(other)
    assert head.content_type == "text/html"
    assert head.sha256 == hashlib.sha256(_content(file)).digest()


async def test_a_server_that_stumbles_is_asked_again(bucket: ObjectStorage, s3: S3Server, file: Path):
    stumbled: set[str] = set()

    async def once(request: web.Request) -> web.StreamResponse | None:
        if request.method in stumbled:
            return None
        stumbled.add(request.method)
        return fault(503, "SlowDown")

    s3.meddle = once
    await bucket.put(KEY, file)
    assert await _read(bucket, KEY) == _content(file)
    assert stumbled == {"HEAD", "PUT", "GET"}


async def test_parts_of_an_upload_that_failed_are_taken_back(
    bucket: ObjectStorage, s3: S3Server, tmp_path: Path
):
    async def no_second_part(request: web.Request) -> web.StreamResponse | None:
        return fault(500, "InternalError") if request.query.get("partNumber") == "2" else None

    path = tmp_path / "large"
    path.write_bytes(bytes(12 * 1024**2))
    s3.meddle = no_second_part
    with pytest.raises(MediaError) as caught:
        await bucket.put(KEY, path)
    assert caught.value.code is MediaCode.STORAGE_UNAVAILABLE
    assert s3.uploads == {}
    assert s3.objects == {}


async def test_a_server_that_goes_silent_is_left(bucket: ObjectStorage, s3: S3Server):
    s3.meddle = stall
    with pytest.raises(MediaError) as caught:
        await bucket.check()
    assert caught.value.code is MediaCode.STORAGE_UNAVAILABLE
    assert "does not answer in time" in caught.value.words


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"bucket": "other"}, "there is no such bucket"),
        ({"access": "AKIAWRONG"}, "it does not know our access key"),
    ],
)
async def test_a_wrong_setting_is_told_in_a_sentence_without_secrets(
    s3: S3Server, change: dict[str, str], cause: str
):
    storage = ObjectStorage.from_url(_url(s3, **change), patience=HASTY)
    with pytest.raises(MediaError) as caught:
        await storage.check()
    assert caught.value.code is MediaCode.STORAGE_UNAVAILABLE
    assert cause in caught.value.words
    assert SECRET not in caught.value.words + repr(storage)
    assert "AKIA" not in caught.value.words + repr(storage)


async def test_a_server_that_is_not_there_is_told_in_a_sentence(file: Path):
    async with S3Server("media", ACCESS) as server:
        url = _url(server)
    with pytest.raises(MediaError) as caught:
        await ObjectStorage.from_url(url, patience=HASTY).put(KEY, file)
    assert (
        caught.value.words
        == "The storage for files (s3://media/kept) cannot be used: nothing answers at its address."
    )


async def test_an_answer_that_is_something_else_than_was_written_fails_the_check(
    bucket: ObjectStorage, s3: S3Server
):
    async def other(request: web.Request) -> web.StreamResponse | None:
        if request.method == "GET":
            return web.Response(body=b"other", headers={"Last-Modified": "Wed, 25 Nov 2026 08:00:00 GMT"})
        return None

    s3.meddle = other
    with pytest.raises(MediaError, match="something else than was written"):
        await bucket.check()


async def test_credentials_may_come_from_the_environment(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, file: Path
):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.url)
    storage = ObjectStorage.from_url("s3://media", patience=HASTY)
    await storage.put(KEY, file)
    assert list(s3.objects) == [KEY]


# ---- addresses ----


@pytest.mark.parametrize(
    "url",
    [
        "",
        " ",
        "ftp://host/x",
        "http://host/x",
        "file:relative",
        "file://host/x",
        "s3://",
        f"s3://key:{SECRET}@bucket/x",
        f"s3://bucket?no_such_setting={SECRET}",
        f"s3://bucket?path_style={SECRET}",
        f"gs://bucket?no_such_setting={SECRET}",
        f"s3://[{SECRET}",
    ],
)
def test_an_address_that_is_wrong_is_refused_without_being_repeated(url: str):
    with pytest.raises(ValueError, match=r"storage") as caught:
        ObjectStorage.from_url(url)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_clouds_of_others_are_known_as_well(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")
    assert repr(ObjectStorage.from_url("az://container/x")) == "<storage in az://container/x>"
    url = "gs://bucket/x?skip_signature=true"
    assert repr(ObjectStorage.from_url(url)) == "<storage in gs://bucket/x>"
