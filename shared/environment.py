"""Reads settings from environment variables and collects every problem, so that one start tells them all."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from shared.redaction import Secret

Choice = TypeVar("Choice", bound=StrEnum)

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


class SettingsError(Exception):
    """Raised once, with a line for each variable that is wrong."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class EnvironmentReader:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[str] = []
        self.names: list[str] = []

    def refuse(self, name: str, reason: str) -> None:
        self.problems.append(f"{name}: {reason}")

    def done(self) -> None:
        if self.problems:
            raise SettingsError(self.problems)

    def raw(self, name: str) -> str:
        self.names.append(name)
        return self._environment.get(name, "").strip()

    def text(self, name: str, default: str = "", *, required: bool = False) -> str:
        value = self.raw(name)
        if not value and required:
            self.refuse(name, "is not set")
        return value or default

    def secret(self, name: str, *, required: bool = False) -> Secret | None:
        value = self.text(name, required=required)
        return Secret(value) if value else None

    def integer(self, name: str, default: int, *, minimum: int, maximum: int) -> int:
        value = self.raw(name)
        if not value:
            return default
        try:
            number = int(value)
        except ValueError:
            self.refuse(name, f"must be a whole number from {minimum} to {maximum}, not {value[:40]!r}")
            return default
        if not minimum <= number <= maximum:
            self.refuse(name, f"must be from {minimum} to {maximum}, not {number}")
        return number

    def seconds(self, name: str, default: float, *, minimum: float, maximum: float) -> float:
        value = self.raw(name)
        if not value:
            return default
        try:
            number = float(value)
        except ValueError:
            self.refuse(name, f"must be a number of seconds, not {value[:40]!r}")
            return default
        if not minimum <= number <= maximum:  # also refuses nan, which compares false
            self.refuse(name, f"must be from {minimum:g} to {maximum:g} seconds, not {value[:40]}")
        return number

    def flag(self, name: str, default: bool) -> bool:
        value = self.raw(name).lower()
        if not value:
            return default
        if value not in _TRUE | _FALSE:
            self.refuse(name, f"must be true or false, not {value[:40]!r}")
        return value in _TRUE

    def choice(self, name: str, options: type[Choice], default: Choice) -> Choice:
        value = self.raw(name).lower()
        if not value:
            return default
        try:
            return options(value)
        except ValueError:
            self.refuse(name, f"must be one of {', '.join(options)}, not {value[:40]!r}")
            return default

    def items(self, name: str) -> tuple[str, ...]:
        return tuple(part for part in (item.strip() for item in self.raw(name).split(",")) if part)

    def url(self, name: str, schemes: tuple[str, ...], *, default: str = "", required: bool = False) -> str:
        """The value is never repeated in a problem: addresses of servers hold passwords."""
        value = self.text(name, default, required=required)
        if not value:
            return ""
        try:
            parts = urlsplit(value)
            _ = parts.port
        except ValueError:
            self.refuse(name, "is not an address that can be read (is the port a number?)")
            return ""
        if parts.scheme not in schemes:
            self.refuse(name, f"must begin with {' or '.join(scheme + '://' for scheme in schemes)}")
        return value

    def path(self, name: str, default: str) -> Path:
        return Path(self.text(name, default)).expanduser().absolute()
