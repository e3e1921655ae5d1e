"""The collections of this folder."""

from pathlib import Path

FOLDER = Path(__file__).parent


def files() -> list[Path]:
    return sorted(FOLDER.glob("*.http"))
