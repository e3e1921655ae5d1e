"""Ties a process to its parent: when the parent dies, even by kill -9, the kernel signals the child.

Run as a script it sets the tie and becomes the program. It comes last in a chain of programs that change
the user, because a change of credentials clears the tie.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1


def leashed(
    command: Sequence[str], parting_signal: signal.Signals, *, before: Sequence[str] = ()
) -> list[str]:
    """The tie follows the thread that starts the command, so start it from the main thread."""
    interpreter = [sys.executable, "-I", "-S", __file__]
    return [*before, *interpreter, str(int(parting_signal)), str(os.getpid()), *command]


def main(arguments: list[str]) -> None:
    parting_signal, parent, *command = arguments
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(int(parting_signal))) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
        if os.getppid() != int(parent):
            sys.exit(0)  # the parent died before the tie was set, so its death would go unnoticed
    os.execv(command[0], command)  # noqa: S606 (the very purpose)


if __name__ == "__main__":
    main(sys.argv[1:])
