"""Kept files in a bucket of an object store."""

import hashlib
from pathlib import Path

import pytest
from aiohttp import web

from shared.files.errors import MediaCode, MediaError
from shared.files.keys import media_key
from shared.files.storage import ObjectStorage
from tests.media.s3_server import S3Server, fault, stall
from tests.media.stores import ACCESS, HASTY, KEY, SECRET, bucket_url, content, read


@pytest.fixture
def bucket(s3: S3Server) -> ObjectStorage:
    return ObjectStorage.from_url(bucket_url(s3), patience=HASTY)


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
    assert head.sha256 == hashlib.sha256(content(file)).digest()


async def test_a_server_that_stumbles_is_asked_again(bucket: ObjectStorage, s3: S3Server, file: Path):
    stumbled: set[str] = set()

    async def once(request: web.Request) -> web.StreamResponse | None:
        if request.method in stumbled:
            return None
        stumbled.add(request.method)
        return fault(503, "SlowDown")

    s3.meddle = once
    await bucket.put(KEY, file)
    assert await read(bucket, KEY) == content(file)
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
    storage = ObjectStorage.from_url(bucket_url(s3, **change), patience=HASTY)
    with pytest.raises(MediaError) as caught:
        await storage.check()
    assert caught.value.code is MediaCode.STORAGE_UNAVAILABLE
    assert cause in caught.value.words
    assert SECRET not in caught.value.words + repr(storage)
    assert "AKIA" not in caught.value.words + repr(storage)


async def test_a_server_that_is_not_there_is_told_in_a_sentence(file: Path):
    async with S3Server("media", ACCESS) as server:
        url = bucket_url(server)
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
