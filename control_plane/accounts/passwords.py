"""Hashing with argon2id in a few threads of its own, with a queue that has an end."""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

from passlib.context import CryptContext

from control_plane.errors import AppError, Code

Answer = TypeVar("Answer")
Rest = TypeVarTuple("Rest")

MINIMUM_LENGTH = 10
MAXIMUM_LENGTH = 256

# OWASP's minimum for argon2id (19 MiB, two passes, one lane).
_CONTEXT = CryptContext(
    schemes=["argon2"],
    argon2__type="ID",
    argon2__memory_cost=19_456,
    argon2__time_cost=2,
    argon2__parallelism=1,
)


class PasswordHasher:
    """Verifying an account that does not exist takes as long as verifying one that does."""

    def __init__(self, threads: int, queue: int, context: CryptContext = _CONTEXT) -> None:
        self._context = context
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="hashing")
        self._free = threads + queue
        self._decoy: str | None = None

    async def hash(self, password: str) -> str:
        return await self._run(self._hash, password)

    async def verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        """Whether it is right, and a new hash when the stored one was made with weaker parameters."""
        return await self._run(self._verify, password, stored)

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _hash(self, password: str) -> str:
        return str(self._context.hash(password))

    def _verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        if stored is None:
            if self._decoy is None:
                self._decoy = self._context.hash(secrets.token_urlsafe(16))
            self._context.verify(password, self._decoy)
            return False, None
        right, replacement = self._context.verify_and_update(password, stored)
        return bool(right), replacement

    async def _run(self, function: Callable[[str, *Rest], Answer], password: str, *rest: *Rest) -> Answer:
        if self._free <= 0:
            raise AppError(
                Code.HASHING_BUSY,
                "Too many people are logging in at this moment. Try again in a second.",
                headers={"Retry-After": "1"},
            )
        self._free -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, function, password, *rest)
        finally:
            self._free += 1


def check_password(password: str, email: str) -> None:
    """Length counts; rules about kinds of characters make people choose worse ones."""
    problem = None
    if len(password) < MINIMUM_LENGTH:
        problem = f"must have at least {MINIMUM_LENGTH} characters"
    elif len(password) > MAXIMUM_LENGTH:
        problem = f"must have at most {MAXIMUM_LENGTH} characters"
    elif len(set(password)) < 4:
        problem = "must hold at least four different characters"
    elif password.casefold() in {email.casefold(), email.partition("@")[0].casefold()}:
        problem = "must not be the email address"
    if problem:
        raise AppError(
            Code.VALIDATION_FAILED,
            f"The password {problem}.",
            errors=[{"pointer": "/password", "detail": problem}],
        )
