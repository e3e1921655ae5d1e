"""What the person at the terminal sees: one line for each step."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.local.stop_signals import StopRequestedError


class Terminal:
    def __init__(self) -> None:
        self._overwrites = sys.stdout.isatty()
        self._open = True
        reconfigure = getattr(sys.stdout, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace", line_buffering=True)

    def line(self, text: str = "") -> None:
        self._write(text + "\n")

    @contextmanager
    def step(self, title: str, began: float | None = None) -> Iterator[None]:
        """`began` is for a step that was under way before its line was."""
        began = time.monotonic() if began is None else began
        if self._overwrites:
            self._write(f"  … {title}")
        try:
            yield
        except StopRequestedError:
            self._finish("-", title, began)
            raise
        except BaseException:
            self._finish("✗", title, began)
            raise
        self._finish("✓", title, began)

    def _finish(self, mark: str, title: str, began: float) -> None:
        start = "\r\x1b[K" if self._overwrites else ""
        seconds = time.monotonic() - began
        self._write(f"{start}  {mark} {title:<16} {seconds:5.1f} s\n")

    def _write(self, text: str) -> None:
        """A terminal that was closed must not keep the launcher from ending its children."""
        if not self._open:
            return
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except (OSError, ValueError):
            self._open = False
