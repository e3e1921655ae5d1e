"""TCP ports on this machine."""

import errno
import socket
from collections.abc import Mapping

from deploy.local.errors import LaunchError

HOST = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError):
            return False
    return True


def requested_port(environment: Mapping[str, str]) -> int:
    text = environment.get("WAYPOST_PORT", "").strip() or "8000"
    if not text.isascii() or not text.isdecimal() or int(text) > 65535:
        raise LaunchError(
            f"WAYPOST_PORT must be a number from 0 to 65535 (0 takes any free port), not {text[:40]!r}."
        )
    return int(text)


def claim_port(port: int) -> int:
    """The port that the API will get; asked before anything is started, so that nothing has to be ended."""
    if port == 0:
        return free_port()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise LaunchError(_refusal(port, error)) from error
    return port


def _refusal(port: int, error: OSError) -> str:
    advice = "Choose another one with WAYPOST_PORT=8080, or any free one with WAYPOST_PORT=0."
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is busy: another program listens on it. {advice}"
    if error.errno == errno.EACCES:
        return f"Port {port} is closed to this user. {advice}"
    return f"Port {port} cannot be used: {error.strerror}. {advice}"
