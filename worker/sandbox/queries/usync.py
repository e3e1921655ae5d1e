"""Looking people up: is there such a number, what is its LID, which devices does it have."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from worker.sandbox import stanzas
from worker.sandbox.accounts import Account
from worker.sandbox.connection import Connection
from worker.sandbox.devices import DeviceName
from worker.sandbox.queries.asking import device_of
from worker.sandbox.wire.jids import PHONE_NUMBER, Jid
from worker.sandbox.wire.nodes import Node, node

if TYPE_CHECKING:
    from worker.sandbox.network import Network

_BRAZILIAN = re.compile(r"55(\d{2})9?(\d{8})")


def look_up(network: "Network", connection: Connection, query: Node) -> Node:
    question = query.child("usync")
    asked, people = (question.child("query"), question.child("list")) if question else (None, None)
    if question is None or asked is None or people is None:
        return stanzas.refused(query, 400, "bad-request")
    attrs = {name: question.attrs.get(name) for name in ("sid", "mode", "context")}
    topics = [topic.tag for topic in asked.children]
    users = [_user(network, device_of(connection), user, topics) for user in people.all("user")]
    answer = node("usync", attrs, [node("result"), node("list", content=users)])
    return stanzas.result(query, [answer])


def _user(network: "Network", asker: DeviceName, user: Node, topics: list[str]) -> Node:
    # Without a LID in the answer the client refuses to send at all.
    contact = user.child("contact")
    jid = user.jid("jid") or _from_contact(network, contact)
    account = network.accounts.find(jid)
    if account and "devices" in topics:
        network.account_life.devices_told(asker, account)
    answers = [reply for topic in topics if (reply := _answer(network, account, topic, contact))]
    return node("user", {"jid": jid}, answers)


def _from_contact(network: "Network", contact: Node | None) -> Jid | None:
    """Numbers are also asked for as text with a plus sign in front; then they may be written as people do."""
    if contact is None:
        return None
    content = contact.content
    asked = content.decode(errors="replace") if isinstance(content, bytes) else str(content)
    digits = asked.lstrip("+").partition("@")[0]
    known = (Jid(form, PHONE_NUMBER) for form in (digits, *_other_forms(digits)))
    return next(filter(network.accounts.find, known), Jid(digits, PHONE_NUMBER))


def _other_forms(digits: str) -> tuple[str, ...]:
    """Mobile numbers of Brazil got a ninth digit, which accounts that are older do without."""
    number = _BRAZILIAN.fullmatch(digits)
    if number is None:
        return ()
    return (f"55{number[1]}{number[2]}", f"55{number[1]}9{number[2]}")


def _answer(network: "Network", account: Account | None, topic: str, contact: Node | None) -> Node | None:
    if topic == "contact":
        asked = contact.content if contact and not isinstance(contact.content, list) else None
        text = asked.encode() if isinstance(asked, str) else asked
        return node("contact", {"type": "in" if account else "out"}, text)
    told = _TOPICS.get(topic)
    return told(network, account) if told and account else None


def _lid(_network: "Network", account: Account) -> Node:
    return node("lid", {"val": account.lid_jid})


def _devices(network: "Network", account: Account) -> Node:
    devices = [_device(name.device) for name in network.routing.devices_of(account)]
    return node("devices", content=[node("device-list", content=devices)])


def _status(network: "Network", account: Account) -> Node:
    return node("status", content=network.profiles.of(account.number).about.encode())


def _picture(network: "Network", account: Account) -> Node | None:
    picture = network.profiles.of(account.number).picture
    return node("picture", {"id": picture.picture_id}) if picture else None


def _device(number: int) -> Node:
    return node("device", {"id": number, "key-index": 1 if number else None})


_TOPICS: Mapping[str, Callable[["Network", Account], Node | None]] = {
    "devices": _devices,
    "lid": _lid,
    "picture": _picture,
    "status": _status,
}
