"""Becoming known: registration, log-in, refresh, and the way back in after a forgotten password."""

import secrets
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.accounts.access_tokens import AccessTokens
from control_plane.accounts.emails import normalise_email
from control_plane.accounts.mail import Mail, MailOutbox
from control_plane.accounts.models import PasswordReset, User
from control_plane.accounts.passwords import PasswordHasher, check_password
from control_plane.accounts.refresh_tokens import RefreshTokens
from control_plane.accounts.repository import SignInRepository
from control_plane.accounts.schemas import LoginBody, RegisterBody, SignedIn, UserView
from control_plane.errors import AppError, Code
from control_plane.http.limiter import Bucket, Limiter
from control_plane.http.principal import Role
from control_plane.http.rate_limit import too_many
from control_plane.keyring import Keyring
from control_plane.settings import Registration, Settings
from shared.ids import UserId, new_uuid

log = structlog.get_logger(__name__)

_RESET_PURPOSE = "password-reset"
_RESET_PREFIX = "wpp_"


class SignIn:
    """Long-lived: holds what every replica needs once, and is given the request's session by each call."""

    def __init__(
        self,
        *,
        settings: Settings,
        keyring: Keyring,
        hasher: PasswordHasher,
        access_tokens: AccessTokens,
        refresh_tokens: RefreshTokens,
        limiter: Limiter,
        outbox: MailOutbox,
    ) -> None:
        self._settings = settings
        self._keyring = keyring
        self._hasher = hasher
        self._access_tokens = access_tokens
        self._refresh_tokens = refresh_tokens
        self._limiter = limiter
        self._outbox = outbox

    async def register(self, session: AsyncSession, body: RegisterBody, user_agent: str) -> SignedIn:
        if self._settings.registration is Registration.CLOSED:
            raise AppError(
                Code.REGISTRATION_CLOSED, "New accounts are made by an administrator here. Ask one for yours."
            )
        user = await self.create_user(session, body.email, body.password, body.name)
        return self.signed_in(session, user, user_agent)

    async def create_user(
        self, session: AsyncSession, email: str, password: str, name: str, role: Role = Role.USER
    ) -> User:
        email = normalise_email(email)
        check_password(password, email)
        # Hashed before the transaction begins: a connection is not held while a thread is busy.
        user = User(
            id=new_uuid(),
            email=email,
            name=name.strip() or email,
            role=role,
            password_hash=await self._hasher.hash(password),
        )
        session.add(user)
        try:
            await session.flush()
        except IntegrityError:
            raise email_taken() from None
        return user

    async def log_in(self, session: AsyncSession, body: LoginBody, address: str, user_agent: str) -> SignedIn:
        email = body.email.strip().casefold()
        await self._limit_attempts(email, address)
        repository = SignInRepository(session)
        user = await repository.user_by_email(email)
        await session.commit()  # nothing was changed: the connection goes back while hashing queues
        right, new_hash = await self._hasher.verify(body.password, user.password_hash if user else None)
        if user is None or not right:
            raise AppError(Code.INVALID_CREDENTIALS, "The email address or the password is wrong.")
        if user.disabled_at is not None:
            raise disabled()
        if new_hash is not None:
            await repository.replace_hash(user, new_hash)
        return self.signed_in(session, user, user_agent)

    async def refresh(self, session: AsyncSession, refresh_token: str) -> SignedIn:
        repository = SignInRepository(session)
        user_id, login_id, successor = await self._refresh_tokens.rotate(repository, refresh_token)
        user = await repository.user(user_id)
        if user is None or user.disabled_at is not None:
            raise disabled()
        return self._answer(user, self._access_tokens.issue(user_id, login_id), successor)

    async def forgot_password(self, session: AsyncSession, email: str, public_url: str) -> None:
        """The same answer whether or not the account exists."""
        email = email.strip().casefold()
        await self._limit([Bucket("password-reset", f"reset:{self._hidden(email)}", 5, 3600)])
        repository = SignInRepository(session)
        user = await repository.user_by_email(email)
        if user is None or user.disabled_at is not None:
            return
        await repository.drop_resets(UserId(user.id))
        token = _RESET_PREFIX + secrets.token_urlsafe(32)
        lifetime = timedelta(seconds=self._settings.password_reset_seconds)
        session.add(
            PasswordReset(
                user_id=user.id,
                digest=self._keyring.digest(_RESET_PURPOSE, token.encode()),
                expires_at=datetime.now(UTC) + lifetime,
            )
        )
        self._outbox.put(session, _reset_mail(user, token, public_url, lifetime), expires_after=lifetime)

    async def reset_password(self, session: AsyncSession, token: str, password: str) -> None:
        check_password(password, "")
        new_hash = await self._hasher.hash(password)
        repository = SignInRepository(session)
        user_id = await repository.use_reset(self._keyring.digests(_RESET_PURPOSE, token.encode()))
        user = await repository.user(user_id) if user_id is not None else None
        if user is None:
            raise AppError(
                Code.INVALID_RESET_TOKEN,
                "The link is wrong, used or expired. Ask for a new one.",
            )
        user.password_hash = new_hash
        await repository.drop_resets(UserId(user.id))
        await repository.revoke_logins(user.id, "password_reset")
        log.info("password_reset", user_id=str(user.id))

    def signed_in(self, session: AsyncSession, user: User, user_agent: str) -> SignedIn:
        user_id = UserId(user.id)
        login_id, refresh_token = self._refresh_tokens.open_login(session, user_id, user_agent)
        return self._answer(user, self._access_tokens.issue(user_id, login_id), refresh_token)

    def _answer(self, user: User, access_token: str, refresh_token: str) -> SignedIn:
        return SignedIn(
            user=UserView.of(user),
            access_token=access_token,
            refresh_token=refresh_token,
            expires_in=int(self._access_tokens.lifetime.total_seconds()),
        )

    async def _limit_attempts(self, email: str, address: str) -> None:
        """By account and address: never a lasting lock-out, because every bucket refills all the time."""
        account = self._hidden(email)
        await self._limit(
            [
                Bucket("login-account-address", f"login:{account}:{address}", 10, 300),
                # Wide enough that a stranger who guesses from many addresses does not keep the owner out.
                Bucket("login-account", f"login:{account}", 100, 600),
                Bucket("login-address", f"login:{address}", 60, 60),
            ]
        )

    async def _limit(self, buckets: list[Bucket]) -> None:
        refused = [verdict for verdict in await self._limiter.check(buckets) if not verdict.allowed]
        if refused:
            raise too_many(refused, "Too many attempts. Wait as long as Retry-After says.")

    def _hidden(self, email: str) -> str:
        """Addresses of people do not stand in Redis."""
        return self._keyring.digest("limit-key", email.encode()).hex()[:24]


def disabled() -> AppError:
    return AppError(Code.ACCOUNT_DISABLED, "This account was disabled. Ask the people who run this service.")


def email_taken() -> AppError:
    return AppError(
        Code.EMAIL_TAKEN,
        "An account with this email address exists. Log in, or reset the password.",
        errors=[{"pointer": "/email", "detail": "is taken"}],
    )


def _reset_mail(user: User, token: str, public_url: str, lifetime: timedelta) -> Mail:
    minutes = int(lifetime.total_seconds() // 60)
    return Mail(
        to=user.email,
        subject="Set a new password for Waypost",
        text=(
            f"Hello {user.name},\n\n"
            "somebody asked to set a new password for your account. If it was you, open\n\n"
            f"  {public_url}/reset-password?token={token}\n\n"
            f"within {minutes} minutes. If it was not you, do nothing: your password stays as it is.\n"
        ),
    )
