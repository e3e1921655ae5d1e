"""The form of API keys: wp_live_<id>_<secret><checksum>, so that a typing error never costs a query."""

import hmac
import re
import secrets
import zlib
from dataclasses import dataclass

from control_plane.http.principal import KeyMode
from control_plane.keyring import Keyring, UnknownKeyError

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LENGTH = 16
_SECRET_LENGTH = 36  # 214 bits
_CHECKSUM_LENGTH = 6
_PURPOSE = "api-key"
_FORM = re.compile(
    rf"wp_(live|test)_([0-9A-Za-z]{{{_ID_LENGTH}}})_([0-9A-Za-z]{{{_SECRET_LENGTH}}})([0-9A-Za-z]{{6}})"
)
PREFIX = "wp_"


@dataclass(frozen=True, slots=True)
class ParsedKey:
    mode: KeyMode
    key_id: str
    secret: str


def generate(mode: KeyMode) -> tuple[str, ParsedKey]:
    """The whole key, which is shown once, and its parts."""
    key_id, secret = _random(_ID_LENGTH), _random(_SECRET_LENGTH)
    body = f"wp_{mode.value}_{key_id}_{secret}"
    return body + checksum(body), ParsedKey(mode, key_id, secret)


def parse(text: str) -> ParsedKey | None:
    form = _FORM.fullmatch(text)
    if form is None or not hmac.compare_digest(checksum(text[:-_CHECKSUM_LENGTH]), form[4]):
        return None
    return ParsedKey(KeyMode(form[1]), form[2], form[3])


def checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = ""
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits


def digest(keyring: Keyring, key: ParsedKey) -> tuple[bytes, str]:
    """What is stored: a keyed hash, and the id of the key that made it."""
    return keyring.digest(_PURPOSE, _bound(key)), keyring.current_id


def matches(keyring: Keyring, key: ParsedKey, stored: bytes, digest_key_id: str) -> bool:
    try:
        return hmac.compare_digest(keyring.digest(_PURPOSE, _bound(key), digest_key_id), stored)
    except UnknownKeyError:
        return False


def _bound(key: ParsedKey) -> bytes:
    return f"{key.mode.value}:{key.key_id}:{key.secret}".encode()


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
