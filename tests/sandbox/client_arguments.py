"""Arguments and results of the library's own calls, as they pass through the pipe to its process."""

from typing import Any

from worker.sandbox.accounts import Account
from worker.sandbox.groups import Group
from worker.sandbox.phones import Phone


def jid(of: Phone | Account | Group | str) -> dict[str, str]:
    """By the phone number, as a user of the library gives it; text is an address as the library told it."""
    if isinstance(of, str):
        return {"jid": of}
    if isinstance(of, Group):
        return {"jid": str(of.jid)}
    return {"jid": f"{of.number}@s.whatsapp.net"}


def enum(kind: Any, member: str) -> dict[str, list[str]]:
    return {"enum": [kind, member]}


def data(content: bytes) -> dict[str, str]:
    return {"data": content.hex()}


def proto(kind: str, message: bytes) -> dict[str, list[str]]:
    """`kind` is Message, or the name of one of the library's own messages."""
    return {"proto": [kind, message.hex()]}
