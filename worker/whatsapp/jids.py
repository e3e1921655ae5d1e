"""The network's addresses: users, devices, groups; as text here, as the library's message there."""

import re
from typing import Any

from worker.whatsapp import library

USER_SERVER = "s.whatsapp.net"
_JID = re.compile(r"([0-9A-Za-z._-]{1,64})@(s\.whatsapp\.net|lid|g\.us|newsletter|broadcast)")
_DEVICE = re.compile(r"(\d{5,20})(?:\.\d+)?:(\d{1,3})@(s\.whatsapp\.net|lid)")


def parse_jid(text: str) -> Any:
    """Only what is whole and harmless: the library sends whatever it is given."""
    form = _JID.fullmatch(text)
    if form is None:
        raise ValueError("no address of the WhatsApp network")
    return _jid(form[1], form[2], 0)


def parse_device_jid(text: str) -> Any:
    """The exact device: another number than the stored one would end the process."""
    form = _DEVICE.fullmatch(text)
    if form is None:
        raise ValueError("no device of the WhatsApp network")
    return _jid(form[1], form[3], int(form[2]))


def device_jid(jid: Any) -> str:
    return f"{jid.User}:{jid.Device}@{jid.Server}"


def format_jid(jid: Any) -> str:
    """Without the device: a person or a group."""
    return f"{jid.User}@{jid.Server}" if jid.User else str(jid.Server)


def _jid(user: str, server: str, device: int) -> Any:
    return library.JID(User=user, Server=server, Device=device, RawAgent=0, Integrator=0, IsEmpty=False)
