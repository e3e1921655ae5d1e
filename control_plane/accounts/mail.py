"""Mail leaves by an outbox: the row is written with the change that causes it, a loop sends it later."""

import os
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import unquote, urlsplit

import aiosmtplib
import msgspec
import structlog
from sqlalchemy import LargeBinary
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.db.base import Base, HasCreationTime
from control_plane.db.claim_loop import ClaimLoop, ClaimLostError
from control_plane.db.claims import Claim, Claims, HasClaim
from control_plane.db.engine import Database, SystemSite
from control_plane.keyring import Keyring, UnknownKeyError
from control_plane.settings import Deployment, Settings
from shared.ids import new_uuid
from shared.redaction import Secret

log = structlog.get_logger(__name__)

_PURPOSE = "mail"


class OutgoingMail(HasClaim, HasCreationTime, Base):
    """Sealed, because a mail may hold a link that opens an account. The row goes when the mail has gone."""

    __tablename__ = "outgoing_mail"

    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime]


class Mail(msgspec.Struct, frozen=True):
    to: str
    subject: str
    text: str


class MailOutbox:
    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def put(self, session: AsyncSession, mail: Mail, *, expires_after: timedelta) -> None:
        mail_id = new_uuid()
        sealed = self._keyring.seal(_PURPOSE, msgspec.json.encode(mail), mail_id.bytes)
        session.add(OutgoingMail(id=mail_id, sealed=sealed, expires_at=datetime.now(UTC) + expires_after))

    def take_out(self, claim: Claim) -> Mail:
        plain = self._keyring.open(_PURPOSE, claim.row["sealed"], claim.id.bytes)
        return msgspec.json.decode(plain, type=Mail)


class MailLoop:
    """Sends what the outbox holds; without a server, development writes it to a file and others drop it."""

    def __init__(self, database: Database, keyring: Keyring, settings: Settings) -> None:
        self._database = database
        self._outbox = MailOutbox(keyring)
        self._settings = settings
        self._claims = Claims(OutgoingMail, lease=timedelta(seconds=60))
        self.loop = ClaimLoop(
            "mail", self._claims, self._send, database, SystemSite.MAIL_LOOP, concurrency=4, idle_seconds=1.0
        )

    async def _send(self, claim: Claim) -> None:
        if claim.row["expires_at"] < datetime.now(UTC):
            log.error("mail_expired_unsent", mail=str(claim.id), attempts=claim.attempts)
        else:
            try:
                await self._deliver(self._outbox.take_out(claim))
            except UnknownKeyError:
                log.error("mail_sealed_with_unknown_key", mail=str(claim.id))
        async with self._database.system(SystemSite.MAIL_LOOP) as session:
            if not await self._claims.remove(session, claim):
                raise ClaimLostError

    async def _deliver(self, mail: Mail) -> None:
        if self._settings.smtp_url is not None:
            await send_by_smtp(self._settings.smtp_url, self._settings.mail_from, mail)
        elif self._settings.deployment is Deployment.DEVELOPMENT:
            _write_down(self._settings.data_dir, mail)
        else:
            log.error("mail_dropped", reason="WAYPOST_SMTP_URL is not set")


async def send_by_smtp(url: Secret, sender: str, mail: Mail) -> None:
    """smtps:// speaks TLS from the first byte, smtp:// upgrades where the server offers it."""
    server = urlsplit(url.reveal())
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, mail.to, mail.subject
    message.set_content(mail.text)
    implicit_tls = server.scheme == "smtps"
    await aiosmtplib.send(
        message,
        hostname=server.hostname or "localhost",
        port=server.port or (465 if implicit_tls else 587),
        username=unquote(server.username) if server.username else None,
        password=unquote(server.password) if server.password else None,
        use_tls=implicit_tls,
        timeout=20,
    )


def _write_down(data_dir: Path, mail: Mail) -> None:
    """A file of its own, readable by its owner alone: the links in it must not reach the ordinary logs."""
    folder = data_dir / "logs"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / "mail.log"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        file.write(
            f"{datetime.now(UTC).isoformat()}\nTo: {mail.to}\nSubject: {mail.subject}\n\n{mail.text}\n\n"
        )
    log.info("mail_written_down", file=str(path))
