"""Received files on their way into the storage."""

import asyncio
import hashlib
import os
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.contracts.messages import FileFacts, FileKind, FileTicket
from shared.files.errors import MediaCode, MediaError
from shared.files.storage import ObjectStorage
from shared.files.storage_url import Patience
from tests.media import samples as made
from tests.media.s3_server import S3Server, fault
from worker.media.keeper import Keeper, KeeperPace
from worker.media.limits import Limits
from worker.media.shelf import Shelf

SESSION = uuid.UUID("0190a000-0000-7000-8000-000000000001")
HASTY = KeeperPace(at_once=2, attempts=4, first_pause=0.001, longest_pause=0.01)
PICTURE = made.picture("JPEG")


@dataclass(frozen=True)
class Done:
    size: int
    sha256: bytes


class NoLongerThereError(Exception):
    """As a client tells that the network has dropped a file."""


def _facts(mimetype: str = "image/jpeg", kind: FileKind = FileKind.IMAGE) -> FileFacts:
    return FileFacts(kind=kind, mimetype=mimetype, size=0)


def _ticket(data: bytes, **changes: object) -> FileTicket:
    given = {
        "kind": FileKind.IMAGE,
        "direct_path": "/x",
        "media_key": bytes(32),
        "sha256": hashlib.sha256(data).digest(),
        "sealed_sha256": bytes(32),
        "size": len(data),
    }
    return FileTicket(**given | changes)  # type: ignore[arg-type]


class Network:
    """Gives out files, and counts."""

    def __init__(self) -> None:
        self.fetched: list[Path] = []
        self.under_way = 0
        self.most_under_way = 0

    def fetcher(self, data: bytes, sha256: bytes | None = None) -> Callable[[Path], Awaitable[Done]]:
        async def fetch(path: Path) -> Done:
            self.fetched.append(path)
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
            for _ in range(5):
                await asyncio.sleep(0)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            os.write(descriptor, data)
            os.close(descriptor)
            self.under_way -= 1
            return Done(len(data), sha256 or hashlib.sha256(data).digest())

        return fetch


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def storage(tmp_path: Path) -> ObjectStorage:
    return ObjectStorage.from_url(str(tmp_path / "media"))


@pytest.fixture
def keeper(shelf: Shelf, storage: ObjectStorage) -> Keeper:
    return Keeper(shelf, storage, limits=Limits(received=100_000), pace=HASTY, gone=(NoLongerThereError,))


def _left(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "shelf").iterdir())


def _begin(path: Path) -> None:
    path.write_bytes(b"half")


async def _refusal(awaitable: Awaitable[object]) -> MediaCode:
    with pytest.raises(MediaError) as caught:
        await awaitable
    return caught.value.code


async def test_a_received_file_is_kept_and_leaves_the_shelf(
    keeper: Keeper, storage: ObjectStorage, network: Network, tmp_path: Path
):
    kept = await keeper.keep(SESSION, "3EB0", network.fetcher(PICTURE), _facts(), _ticket(PICTURE))
    assert b"".join([piece async for piece in storage.get(kept.key)]) == PICTURE
    assert kept.key.startswith(f"sessions/{SESSION}/")
    assert kept.key.endswith(".jpg")
    assert (kept.size, kept.content_type) == (len(PICTURE), "image/jpeg")
    assert kept.sha256 == hashlib.sha256(PICTURE).digest()
    assert _left(tmp_path) == []


async def test_the_type_is_what_the_content_says_and_not_the_sender(keeper: Keeper, network: Network):
    page = b"<html><script>alert(1)</script></html>"
    kept = await keeper.keep(SESSION, "3EB0", network.fetcher(page), _facts("image/jpeg"), _ticket(page))
    assert kept.content_type == "text/html"


async def test_what_was_kept_already_is_not_fetched_again(keeper: Keeper, network: Network):
    arguments = (SESSION, "3EB0", network.fetcher(PICTURE), _facts(), _ticket(PICTURE))
    first = await keeper.keep(*arguments)
    second = await keeper.keep(*arguments)
    assert (first.key, first.size, first.sha256) == (second.key, second.size, second.sha256)
    assert len(network.fetched) == 1


async def test_what_is_told_to_be_too_large_is_not_fetched(keeper: Keeper, network: Network):
    ticket = _ticket(PICTURE, size=100_001)
    code = await _refusal(keeper.keep(SESSION, "3EB0", network.fetcher(PICTURE), _facts(), ticket))
    assert code is MediaCode.FILE_TOO_LARGE
    assert network.fetched == []


async def test_what_turns_out_too_large_is_not_kept(keeper: Keeper, network: Network, tmp_path: Path):
    data = bytes(100_001)
    ticket = _ticket(data, size=0)
    code = await _refusal(keeper.keep(SESSION, "3EB0", network.fetcher(data), _facts(), ticket))
    assert code is MediaCode.FILE_TOO_LARGE
    assert _left(tmp_path) == []


@pytest.mark.parametrize("lie", [False, True])
async def test_other_content_than_was_promised_is_not_kept(
    keeper: Keeper, network: Network, tmp_path: Path, lie: bool
):
    """Also when the fetcher claims that all is well."""
    ticket = _ticket(PICTURE)
    fetch = network.fetcher(bytes(len(PICTURE)), ticket.sha256 if lie else None)
    assert await _refusal(keeper.keep(SESSION, "3EB0", fetch, _facts(), ticket)) is MediaCode.FILE_ALTERED
    assert _left(tmp_path) == []
    assert not any(path.is_file() for path in (tmp_path / "media").rglob("*"))


async def test_less_than_was_promised_is_not_kept(keeper: Keeper, network: Network):
    fetch, ticket = network.fetcher(PICTURE), _ticket(PICTURE, size=len(PICTURE) + 1)
    assert await _refusal(keeper.keep(SESSION, "3EB0", fetch, _facts(), ticket)) is MediaCode.FILE_ALTERED


async def test_what_the_network_has_dropped_is_told_as_gone(keeper: Keeper, tmp_path: Path):
    async def fetch(_: Path) -> Done:
        raise NoLongerThereError

    assert (
        await _refusal(keeper.keep(SESSION, "3EB0", fetch, _facts(), _ticket(PICTURE))) is MediaCode.FILE_GONE
    )
    assert _left(tmp_path) == []


async def test_other_faults_of_the_fetcher_are_its_own(keeper: Keeper, tmp_path: Path):
    async def fetch(path: Path) -> Done:
        _begin(path)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await keeper.keep(SESSION, "3EB0", fetch, _facts(), _ticket(PICTURE))
    assert _left(tmp_path) == []


async def test_at_most_so_many_files_are_under_way_at_once(keeper: Keeper, network: Network):
    files = [os.urandom(1000 + number) for number in range(20)]
    kept = await asyncio.gather(
        *(
            keeper.keep(SESSION, f"3EB{n}", network.fetcher(data), _facts(), _ticket(data))
            for n, data in enumerate(files)
        )
    )
    assert len({stored.key for stored in kept}) == 20
    assert network.most_under_way == 2


async def test_a_cancelled_one_leaves_nothing_and_gives_its_turn_back(
    keeper: Keeper, network: Network, tmp_path: Path
):
    begun = asyncio.Event()

    async def never(path: Path) -> Done:
        _begin(path)
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    for _ in range(HASTY.at_once + 1):
        begun.clear()
        task = asyncio.create_task(keeper.keep(SESSION, "3EB0", never, _facts(), _ticket(PICTURE)))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert _left(tmp_path) == []
    await keeper.keep(SESSION, "3EB0", network.fetcher(PICTURE), _facts(), _ticket(PICTURE))


def _bucket(server: S3Server) -> ObjectStorage:
    url = f"s3://media?endpoint={server.url}&access_key_id=AKIA&secret_access_key=secret"
    return ObjectStorage.from_url(url, patience=Patience(retries=0))


async def test_a_storage_that_comes_back_gets_the_file_without_a_second_fetch(shelf: Shelf, network: Network):
    async with S3Server("media", "AKIA") as server:
        refused = 0

        async def away(request: object) -> object:
            nonlocal refused
            if getattr(request, "method", "") == "PUT" and refused < 3:
                refused += 1
                return fault(503, "SlowDown")
            return None

        server.meddle = away  # type: ignore[assignment]
        keeper = Keeper(shelf, _bucket(server), pace=HASTY)
        kept = await keeper.keep(SESSION, "3EB0", network.fetcher(PICTURE), _facts(), _ticket(PICTURE))
        assert server.objects[kept.key].data == PICTURE
        assert server.objects[kept.key].headers["Content-Type"] == "image/jpeg"
    assert (refused, len(network.fetched)) == (3, 1)


async def test_a_storage_that_stays_away_is_told_and_nothing_is_left(
    shelf: Shelf, network: Network, tmp_path: Path
):
    async with S3Server("media", "AKIA") as server:
        storage = _bucket(server)
    keeper = Keeper(shelf, storage, pace=HASTY)
    code = await _refusal(keeper.keep(SESSION, "3EB0", network.fetcher(PICTURE), _facts(), _ticket(PICTURE)))
    assert code is MediaCode.STORAGE_UNAVAILABLE
    assert _left(tmp_path) == []
    # Without a place to put it nothing is fetched.
    assert network.fetched == []


@pytest.mark.parametrize("whatsapp_id", ["../../x", "a/b", "..", "x" * 128, "%2e%2e", "a\\b", "!~"])
async def test_an_id_that_a_stranger_chose_stays_in_the_folder(
    keeper: Keeper, network: Network, tmp_path: Path, whatsapp_id: str
):
    kept = await keeper.keep(SESSION, whatsapp_id, network.fetcher(PICTURE), _facts(), _ticket(PICTURE))
    files = [path for path in (tmp_path / "media").rglob("*") if path.is_file()]
    assert files == [tmp_path / "media" / kept.key]
