"""Where a session's credentials live: the shared PostgreSQL schema, or a folder of its own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from shared.ids import Epoch, SessionId
from shared.redaction import Secret

STORE_SCHEMA = "whatsapp_store"
ENGINE_ROLE = "waypost_engine"

_LOCAL_HOSTS = frozenset({"", "localhost", "127.0.0.1", "::1"})
# The library opens a pool for each connect and never closes it: the server ends what stands idle.
_IDLE_SESSION_MS = 60_000
# A client that is frozen inside a transaction would hold the fence's row and block a take-over.
_IDLE_IN_TRANSACTION_MS = 5_000
_TCP_USER_TIMEOUT_MS = 10_000


class Store(Protocol):
    def address(self, session_id: SessionId, epoch: Epoch) -> str:
        """What the library is given as the name of its database."""


@dataclass(frozen=True, slots=True)
class PostgresStore:
    """Session and epoch ride in the address, so that the fence in the database knows each writer."""

    url: Secret

    def address(self, session_id: SessionId, epoch: Epoch) -> str:
        writer = f"-c waypost.session_id={session_id} -c waypost.epoch={epoch}"
        return self._address(
            role=ENGINE_ROLE,
            application_name=f"{session_id}:{epoch}",
            idle_session_timeout=_IDLE_SESSION_MS,
            idle_in_transaction_session_timeout=_IDLE_IN_TRANSACTION_MS,
            tcp_user_timeout=_TCP_USER_TIMEOUT_MS,
            # One round trip for each statement instead of two.
            binary_parameters="yes",
            options=writer,
        )

    def owner_address(self) -> str:
        """For making the library's tables: without a role that may not, and without a session."""
        return self._address(application_name="waypost-prepare-store")

    def _address(self, **parameters: object) -> str:
        parts = urlsplit(self.url.reveal())
        given = dict(parse_qsl(parts.query))
        if "sslmode" not in given and (parts.hostname or "") in _LOCAL_HOSTS:
            # The library's driver demands TLS where nothing is said; on this machine there may be none.
            given["sslmode"] = "disable"
        query = (
            given | {"search_path": STORE_SCHEMA} | {name: str(value) for name, value in parameters.items()}
        )
        # A blank must be %20: the library's driver does not read a plus as one.
        encoded = urlencode(query, quote_via=quote)
        return urlunsplit(("postgres", parts.netloc, parts.path, encoded, ""))


@dataclass(frozen=True, slots=True)
class SqliteStore:
    """One folder for each session, open to its owner alone; a session of this kind can run nowhere else."""

    folder: Path

    def address(self, session_id: SessionId, epoch: Epoch) -> str:  # noqa: ARG002 (no fence here)
        return str(self.session_folder(session_id) / "store.db")

    def session_folder(self, session_id: SessionId) -> Path:
        """Named by the id's own digits, so that no name of a user ever becomes a path."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        own = self.folder / str(session_id)
        own.mkdir(mode=0o700, exist_ok=True)
        own.chmod(0o700)  # one that was there before may have been opened
        return own
