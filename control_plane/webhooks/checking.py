"""What a customer may say about an endpoint, each refusal with the place that it is about."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from control_plane.egress.gate import Egress, check_headers
from control_plane.egress.refusals import refusal
from control_plane.egress.troubles import EgressError
from control_plane.errors import AppError, Code
from control_plane.events.schemas import EventType
from control_plane.http.principal import Principal
from control_plane.webhooks.secrets import LONGEST, PREFIX, SHORTEST, is_secret
from control_plane.webhooks.signing import RESERVED
from shared.ids import parse_public_id, public_id

_HEADER_BYTES = 8192
_TYPES = frozenset(EventType)


@runtime_checkable
class Sessions(Protocol):
    """What knows sessions stands above webhooks."""

    async def session(self, principal: Principal, reference: str) -> object:
        """Refuses those that the principal must not see."""


def refused(pointer: str, short: str, words: str) -> AppError:
    return AppError(Code.VALIDATION_FAILED, words, errors=[{"pointer": pointer, "detail": short}])


async def check_url(egress: Egress, url: str) -> None:
    """It asks a name server, so no transaction may be open yet."""
    try:
        await egress.probe(url)
    except EgressError as error:
        raise refusal(error, "/url") from None


def checked_types(given: Sequence[str] | None, pointer: str = "/events") -> list[str] | None:
    if given is None:
        return None
    if not given:
        raise refused(pointer, "is empty", f"Name a type in {pointer[1:]}, or send null for all of them.")
    for index, name in enumerate(given):
        if name not in _TYPES:
            words = f"There is no event type {name!r}. The types are: {', '.join(EventType)}."
            raise refused(f"{pointer}/{index}", "is no event type", words)
    return list(dict.fromkeys(given))


def checked_session_ids(given: Sequence[str] | None) -> list[uuid.UUID] | None:
    """They may belong to anybody, or be deleted."""
    if given is None:
        return None
    if not given:
        raise refused(
            "/sessionIds", "is empty", "Name a session in sessionIds, or send null for all of them."
        )
    found = []
    for index, text in enumerate(given):
        session = parse_public_id("ses", text)
        if session is None:
            words = f"{text!r} is no id of a session: it looks like ses-…."
            raise AppError(
                Code.INVALID_ID,
                words,
                errors=[{"pointer": f"/sessionIds/{index}", "detail": "is no id of a session"}],
            )
        found.append(session)
    return list(dict.fromkeys(found))


async def check_own(sessions: Sessions, principal: Principal, session_ids: Sequence[uuid.UUID]) -> None:
    for session_id in session_ids:
        text = public_id("ses", session_id)
        try:
            await sessions.session(principal, text)
        except AppError as error:
            if error.code is not Code.NOT_FOUND:
                raise
            words = f"The account has no session {text}."
            raise refused("/sessionIds", "names no session of yours", words) from None


def check_own_headers(headers: Mapping[str, str]) -> None:
    names: set[str] = set()
    for name, value in headers.items():
        pointer = "/headers/" + name.replace("~", "~0").replace("/", "~1")
        try:
            check_headers({name: value})
        except EgressError as error:
            raise refusal(error, pointer) from None
        if name.lower() in RESERVED:
            words = f"The header {name!r} is set by us. Leave it out."
            raise AppError(Code.HEADER_INVALID, words, errors=[{"pointer": pointer, "detail": words}])
        if name.lower() in names:
            words = f"The header {name!r} is named twice; upper and lower case make no difference."
            raise AppError(Code.HEADER_INVALID, words, errors=[{"pointer": pointer, "detail": words}])
        names.add(name.lower())
    if sum(len(name) + len(value) for name, value in headers.items()) > _HEADER_BYTES:
        words = f"The headers may hold {_HEADER_BYTES} characters together."
        raise refused("/headers", "are too large", words)


def check_secret(secret: str) -> None:
    if not is_secret(secret):
        words = (
            f"The secret must be {PREFIX} and the base64 of {SHORTEST} to {LONGEST} random bytes."
            " Leave it out, and one is made for you."
        )
        raise refused("/secret", "is no secret of Standard Webhooks", words)
