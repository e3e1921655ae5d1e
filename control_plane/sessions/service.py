"""The cards of sessions: made, changed, looked at, deleted. Running them is the fleet's part."""

import io
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
import segno
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.errors import AppError, Code, not_found
from control_plane.http.principal import KeyMode, Principal
from control_plane.keyring import Keyring
from control_plane.sessions.models import Pairing, Session
from control_plane.sessions.repository import SessionRepository
from control_plane.sessions.schemas import ChangeSessionBody, CreateSessionBody, PairingCodeView, QrView
from control_plane.tiers.service import Quotas, Resource
from shared.ids import new_uuid, normalise_name, parse_public_id

PROXY_PURPOSE = "session-proxy"
_PROXY_SCHEMES = frozenset({"http", "https", "socks5"})
_METADATA_BYTES = 4096
# Words that stand where a name could stand in an address.
RESERVED = frozenset({"metrics", "bulk"})


class Sessions:
    """Of the tenant whose database session it is given."""

    def __init__(self, db: AsyncSession, keyring: Keyring) -> None:
        self._db = db
        self._keyring = keyring
        self.repository = SessionRepository(db)

    async def create(self, principal: Principal, body: CreateSessionBody) -> Session:
        if principal.key_mode is KeyMode.TEST and not body.sandbox:
            raise AppError(
                Code.CREDENTIAL_NOT_ACCEPTED, "A test key makes sandbox sessions only: send sandbox: true."
            )
        name = checked_name(body.name)
        _check_metadata(body.metadata)
        await Quotas(self._db).reserve(Resource.SESSIONS, principal.limits)
        identity = new_uuid()
        session = await self.repository.add(
            id=identity,
            name=name,
            description=body.description,
            sandbox=body.sandbox,
            labels=body.metadata,
            worker_labels=body.worker_labels,
            device_name=body.device_name,
            sealed_proxy=self._sealed(body.proxy, identity.bytes),
            is_primary=not await self.repository.has_any(),
        )
        if session is None:
            raise _name_taken(name)
        return session

    async def session(
        self, principal: Principal, reference: str, *, lock: bool = False, share: bool = False
    ) -> Session:
        """`share`: it is not deleted before we are done."""
        session = await self.repository.by_reference(reference, lock=lock, share=share)
        if session is None or (principal.key_mode is KeyMode.TEST and not session.sandbox):
            raise not_found("session")
        return session

    async def change(self, principal: Principal, reference: str, body: ChangeSessionBody) -> Session:
        if body.name is not msgspec.UNSET:
            await self.repository.alone()
        session = await self.session(principal, reference, lock=True)
        if body.name is not msgspec.UNSET:
            name = checked_name(body.name)
            other = await self.repository.by_reference(name)
            if other is not None and other.id != session.id:
                raise _name_taken(name)
            session.name = name
        if body.description is not msgspec.UNSET:
            session.description = body.description
        if body.device_name is not msgspec.UNSET:
            session.device_name = body.device_name
        if body.metadata is not msgspec.UNSET:
            _check_metadata(body.metadata)
            session.labels = body.metadata
        if body.worker_labels is not msgspec.UNSET:
            session.worker_labels = body.worker_labels
        if body.proxy is not msgspec.UNSET:
            session.sealed_proxy = self._sealed(body.proxy, session.id.bytes)
        await self._db.flush()
        return session

    async def delete(self, principal: Principal, reference: str) -> None:
        await self.repository.alone()
        await self.remove(await self.session(principal, reference, lock=True))

    async def remove(self, session: Session) -> None:
        """Its fence goes with it: its client writes nothing more, and its worker hears of it at once."""
        heir = await self.repository.oldest_but(session.id) if session.is_primary else None
        await self._db.delete(session)
        await self._db.flush()
        if heir is not None:
            heir.is_primary = True
        await Quotas(self._db).release(Resource.SESSIONS)

    async def set_primary(self, principal: Principal, reference: str) -> Session:
        await self.repository.alone()
        session = await self.session(principal, reference, lock=True)
        before = await self.repository.primary()
        if before is not None and before.id != session.id:
            before.is_primary = False
            await self._db.flush()
        session.is_primary = True
        await self._db.flush()
        return session

    async def live_pairing(self, session: Session) -> Pairing | None:
        """Of the present attempt: codes of an earlier one are worth nothing."""
        pairing = await self.repository.pairing(session.id)
        return pairing if pairing is not None and pairing.epoch == session.epoch else None

    def _sealed(self, proxy: str | None, bound_to: bytes) -> bytes | None:
        if not proxy:
            return None
        try:
            parts = urlsplit(proxy)
            good = parts.scheme in _PROXY_SCHEMES and bool(parts.hostname)
            _ = parts.port
        except ValueError:
            good = False
        if not good:
            raise AppError(
                Code.VALIDATION_FAILED,
                "The proxy must be an address like socks5://name:password@proxy.example:1080.",
                errors=[{"pointer": "/proxy", "detail": "is no proxy address"}],
            )
        return self._keyring.seal(PROXY_PURPOSE, proxy.encode(), bound_to)


async def provide_sessions(db: NamedDependency[AsyncSession], keyring: NamedDependency[Keyring]) -> Sessions:
    """In the transaction of the request."""
    return Sessions(db, keyring)


def checked_name(given: str) -> str:
    name = normalise_name(given)
    # A name that looks like an id would be taken for that of another session.
    if name is None or parse_public_id("ses", name) is not None:
        raise AppError(
            Code.INVALID_ID,
            "The name must be 1 to 50 letters, digits, hyphens, underscores and blanks.",
            errors=[{"pointer": "/name", "detail": "is no name"}],
        )
    if name in RESERVED:
        raise AppError(
            Code.INVALID_ID,
            f"The name {name!r} is a reserved word. Choose another one.",
            errors=[{"pointer": "/name", "detail": "is a reserved word"}],
        )
    return name


def qr_view(pairing: Pairing | None) -> QrView | None:
    """None once it has expired: a code that is over is never shown."""
    if pairing is None or pairing.qr is None or pairing.qr_expires_at is None:
        return None
    if pairing.qr_expires_at <= datetime.now(UTC):
        return None
    picture = segno.make(pairing.qr, error="l", micro=False)
    return QrView(
        code=pairing.qr,
        number=pairing.number,
        png=picture.png_data_uri(scale=6),
        svg=picture.svg_inline(scale=6),
        expires_at=pairing.qr_expires_at,
    )


def qr_picture(code: str, kind: str) -> bytes:
    stream = io.BytesIO()
    segno.make(code, error="l", micro=False).save(stream, kind=kind, scale=6)
    return stream.getvalue()


def code_view(pairing: Pairing | None) -> PairingCodeView | None:
    if pairing is None or pairing.code is None or pairing.code_expires_at is None:
        return None
    if pairing.code_expires_at <= datetime.now(UTC):
        return None
    return PairingCodeView(code=pairing.code, expires_at=pairing.code_expires_at)


def _check_metadata(metadata: dict[str, Any]) -> None:
    if len(msgspec.json.encode(metadata)) > _METADATA_BYTES:
        raise AppError(
            Code.VALIDATION_FAILED,
            f"The metadata may hold {_METADATA_BYTES} bytes at most.",
            errors=[{"pointer": "/metadata", "detail": "is too large"}],
        )


def _name_taken(name: str) -> AppError:
    return AppError(
        Code.SESSION_NAME_TAKEN,
        f"The account has a session named {name!r} already. Choose another name, or use that one.",
        errors=[{"pointer": "/name", "detail": "is taken"}],
    )
