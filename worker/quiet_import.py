"""What the client library does to a process that imports it, undone in one place."""

import logging
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

# On a bare machine this brings the libmagic without which the library's import fails.
import pylibmagic  # noqa: F401


@contextmanager
def quiet_import() -> Iterator[None]:
    """Around the first import of any part of it, its protobuf classes included."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    with warnings.catch_warnings():
        # It asks `uname` for its platform and leaves pipe and process behind.
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        while subprocess._active:  # type: ignore[attr-defined]  # noqa: SLF001
            time.sleep(0.001)
            subprocess._cleanup()  # type: ignore[attr-defined]  # noqa: SLF001
    # It also sets up logging for the whole process, which is not its business.
    root.handlers[:] = handlers
    root.setLevel(level)
