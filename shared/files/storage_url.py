"""Where files are kept, by one address: a folder, or a bucket of S3, Google or Azure."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, LocalStore, S3Store

Store = LocalStore | S3Store | GCSStore | AzureStore
_BUCKETS: Mapping[str, Any] = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_YES, _NO = frozenset({"1", "true", "yes"}), frozenset({"0", "false", "no"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """With a bucket: how long for a connection, for silence on it, and for all attempts of one request."""

    connect: timedelta = timedelta(seconds=5)
    silence: timedelta = timedelta(seconds=60)
    # Of a whole answer, a large file included.
    answer: timedelta = timedelta(hours=1)
    retries: int = 3
    retry_for: timedelta = timedelta(seconds=60)
    first_pause: timedelta = timedelta(milliseconds=100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """`words` may be shown: they hold no part of the address that could be secret."""

    store: Store
    folder: Path | None
    words: str


def open_place(url: str, patience: Patience) -> Place:
    """A wrong address is refused without being repeated."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("the address of the storage cannot be read") from None
    if parts.scheme in _BUCKETS:
        return _bucket(parts, patience)
    if parts.scheme == "file" and parts.netloc in {"", "localhost"} and parts.path.startswith("/"):
        return _folder(Path(unquote(parts.path)))
    if "://" in url or parts.scheme == "file":
        raise ValueError(
            "the storage must be a folder, file:///folder, s3://bucket, gs://bucket or az://container"
        )
    if not url.strip():
        raise ValueError("the address of the storage is empty")
    return _folder(Path(url).expanduser())


def _folder(folder: Path) -> Place:
    folder = folder.absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # An operator may have opened it to a group; never to everybody.
        folder.chmod(folder.stat().st_mode & 0o770)
    except OSError as error:
        raise ValueError(f"the folder {folder} cannot be used as storage: {error.strerror}") from None
    return Place(
        store=LocalStore(folder, automatic_cleanup=True), folder=folder, words=f"the folder {folder}"
    )


def _bucket(parts: SplitResult, patience: Patience) -> Place:
    if "@" in parts.netloc or not parts.netloc:
        words = (
            "put a bucket behind the scheme, and credentials into the environment or behind a question mark"
        )
        raise ValueError(f"the address of the storage is wrong: {words}")
    config: dict[str, Any] = dict(parse_qsl(parts.query))
    if parts.scheme == "s3":
        _complete(config)
    prefix = unquote(parts.path).strip("/")
    try:
        store = _BUCKETS[parts.scheme](
            parts.netloc,
            prefix=prefix or None,
            config=config,
            client_options={
                "connect_timeout": patience.connect,
                "read_timeout": patience.silence,
                "timeout": patience.answer,
                "allow_http": _endpoint(config).startswith("http://"),
            },
            retry_config={
                "max_retries": patience.retries,
                "retry_timeout": patience.retry_for,
                "backoff": {"init_backoff": patience.first_pause, "max_backoff": timedelta(seconds=5)},
            },
        )
    except (BaseError, ValueError, TypeError) as error:
        # Its text may repeat what it was given.
        words = f"the settings of the storage are refused ({type(error).__name__})"
        raise ValueError(f"{words}: look at what stands behind the question mark") from None
    return Place(store=store, folder=None, words=f"{parts.scheme}://{parts.netloc}/{prefix}".rstrip("/"))


def _complete(config: dict[str, Any]) -> None:
    path_style = str(config.pop("path_style", "true")).lower()
    if path_style not in _YES | _NO:
        raise ValueError("path_style of the storage must be true or false")
    # One request for each file, which every maker's S3 understands.
    config.setdefault("disable_bulk_delete", "true")
    config["virtual_hosted_style_request"] = path_style in _NO
    if not any(os.environ.get(name) for name in _REGIONS):
        config.setdefault("region", "us-east-1")


def _endpoint(config: dict[str, Any]) -> str:
    return str(config.get("endpoint") or next(filter(None, map(os.environ.get, _ENDPOINTS)), ""))
