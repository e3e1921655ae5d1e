"""The network's addresses: users, devices, groups; as text here, as the library's message there."""

import re
from typing import Any

from worker.whatsapp import library

USER_SERVER = "s.whatsapp.net"
LID_SERVER = "lid"
GROUP_SERVER = "g.us"
_PEOPLE = frozenset({USER_SERVER, LID_SERVER})
_JID = re.compile(r"([0-9A-Za-z._-]{1,64})@(s\.whatsapp\.net|lid|g\.us|newsletter|broadcast)")
_DEVICE = re.compile(r"(\d{5,20})(?:\.\d+)?:(\d{1,3})@(s\.whatsapp\.net|lid)")
# As others write them: with the agent and the device of a person, which say nothing about who it is.
_WRITTEN = re.compile(r"([0-9A-Za-z-]{1,64})(?:\.\d{1,3})?(?::\d{1,5})?@([a-z][a-z.]{1,30})")


def parse_jid(text: str) -> Any:
    """Only what is whole and harmless: the library sends whatever it is given."""
    form = _JID.fullmatch(text)
    if form is None:
        raise ValueError("no address of the WhatsApp network")
    return _jid(form[1], form[2], 0)


def parse_person(text: str) -> Any:
    jid = parse_jid(text)
    if jid.Server not in _PEOPLE:
        raise ValueError("no address of a person on the WhatsApp network")
    return jid


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


def plain_address(text: str) -> str:
    """What somebody wrote as an address, without a device; empty when it is none."""
    form = _WRITTEN.fullmatch(text)
    return f"{form[1]}@{form[2]}" if form is not None else ""


def is_person(address: str) -> bool:
    return address.rpartition("@")[2] in _PEOPLE


def is_group(address: str) -> bool:
    return address.endswith("@" + GROUP_SERVER)


def phone_of(address: str) -> str:
    """With a plus in front; empty where the address is none of a phone."""
    user, _, server = address.partition("@")
    return f"+{user}" if server == USER_SERVER and user.isdecimal() else ""


def lid_of(address: str) -> str:
    return address if address.endswith("@" + LID_SERVER) else ""


def _jid(user: str, server: str, device: int) -> Any:
    return library.JID(User=user, Server=server, Device=device, RawAgent=0, Integrator=0, IsEmpty=False)
