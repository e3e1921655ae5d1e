"""Whom a message reaches: what the network says of a number that it was written to."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from worker.whatsapp import library
from worker.whatsapp.jids import USER_SERVER, format_jid, lid_of
from worker.whatsapp.library_errors import nobody_has
from worker.whatsapp.numbers import find
from worker.whatsapp.port import NotConnected, Refused

Result = TypeVar("Result")
Ask = Callable[[Callable[[Any], Awaitable[Any]]], Awaitable[Any]]


async def send_to(jid: Any, send: Callable[[Any], Awaitable[Result]], ask: Ask) -> tuple[Result, Any]:
    """The answer, and the address that it was sent to.

    Some countries write a number in two ways, and the network knows one of them alone. It is asked for that
    only when it has nobody under the other one: nothing was sent then.
    """
    try:
        return await send(jid), jid
    except Refused as error:
        known = await _as_the_network_writes_it(jid, ask) if nobody_has(error) else None
        if known is None:
            raise
        return await send(known), known


async def hidden_name(jid: Any, ask: Ask) -> str:
    """Of a number that was just written to. The other way round would tell what somebody hides from us."""
    if jid.Server != USER_SERVER:
        return lid_of(format_jid(jid))
    try:
        return lid_of(format_jid(await ask(lambda client: client.get_lid_from_pn(jid))))
    except (NotConnected, Refused):
        # The message is out, whatever can be said of it.
        return ""


async def _as_the_network_writes_it(jid: Any, ask: Ask) -> Any:
    if jid.Server != USER_SERVER:
        return None
    try:
        (found,) = await find((f"+{jid.User}",), ask)
    except (NotConnected, Refused):
        return None
    user = found.jid.partition("@")[0]
    if not user or user == jid.User:
        return None
    known = library.JID()
    known.CopyFrom(jid)
    known.User = user
    return known
