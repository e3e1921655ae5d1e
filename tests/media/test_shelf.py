"""The folder of files under way."""

import stat
from pathlib import Path

import pytest

from worker.media.shelf import Shelf, Tray


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_only_the_worker_can_look_into_its_folder_and_files(tmp_path: Path):
    folder = tmp_path / "shelf"
    folder.mkdir(mode=0o755)
    async with Shelf(folder).tray() as tray:
        path = tray.place("jpg")
        with tray.create(path) as file:
            file.write(b"x")
        assert (_mode(folder), _mode(path.parent), _mode(path)) == (0o700, 0o700, 0o600)


async def test_a_tray_takes_all_its_files_with_it(shelf: Shelf):
    async with shelf.tray() as tray:
        paths = [tray.place() for _ in range(3)]
        for path in paths:
            tray.create(path).close()
    assert not any(path.exists() or path.parent.exists() for path in paths)
    await tray.clear()


async def test_a_file_that_is_there_is_never_written_over(tray: Tray, tmp_path: Path):
    path = tray.place()
    tray.create(path).close()
    with pytest.raises(FileExistsError):
        tray.create(path)
    link = tray.place()
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        tray.create(link)
    assert not (tmp_path / "elsewhere").exists()


def test_what_an_earlier_run_left_is_removed_and_nothing_else(tmp_path: Path):
    left = Shelf(tmp_path).tray().place()
    left.write_bytes(b"x")
    (tmp_path / "letter.txt").write_bytes(b"of somebody else")
    (tmp_path / "tray-of-somebody").mkdir()
    Shelf(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["letter.txt", "tray-of-somebody"]


def test_a_link_in_the_place_of_the_folder_is_refused(tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(ValueError, match="must be a folder"):
        Shelf(tmp_path / "link")


def test_files_from_elsewhere_are_not_taken_for_files_of_the_shelf(shelf: Shelf, tray: Tray, tmp_path: Path):
    outside = tmp_path / "outside"
    outside.write_bytes(b"x")
    link = tray.place()
    link.symlink_to(outside)
    folder = tray.place()
    folder.mkdir()
    climbing = link.parent / ".." / ".." / "outside"
    for path in (outside, link, folder, climbing):
        with pytest.raises(ValueError, match="does not stand on this worker's shelf"):
            shelf.tray_of(path)


@pytest.mark.parametrize("extension", ["../x", "a b", "PNG", "a.b", "x" * 11, "a\0"])
def test_an_extension_cannot_lead_out_of_the_tray(tray: Tray, extension: str):
    with pytest.raises(ValueError, match="an extension is"):
        tray.place(extension)
