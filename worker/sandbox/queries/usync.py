"""Looking people up: is there such a number, what is its LID, which devices does it have."""

from typing import TYPE_CHECKING

from worker.sandbox import stanzas
from worker.sandbox.accounts import Account
from worker.sandbox.connection import Connection
from worker.sandbox.wire.jids import PHONE_NUMBER, Jid
from worker.sandbox.wire.nodes import Node, node

if TYPE_CHECKING:
    from worker.sandbox.network import Network


def look_up(network: "Network", _connection: Connection, query: Node) -> Node:
    question = query.child("usync")
    asked, people = (question.child("query"), question.child("list")) if question else (None, None)
    if question is None or asked is None or people is None:
        return stanzas.refused(query, 400, "bad-request")
    attrs = {name: question.attrs.get(name) for name in ("sid", "mode", "context")}
    topics = [topic.tag for topic in asked.children]
    users = [_user(network, user, topics) for user in people.all("user")]
    answer = node("usync", attrs, [node("result"), node("list", content=users)])
    return stanzas.result(query, [answer])


def _user(network: "Network", user: Node, topics: list[str]) -> Node:
    # Without a LID in the answer the client refuses to send at all.
    contact = user.child("contact")
    jid = user.jid("jid") or _from_contact(contact)
    account = network.accounts.find(jid)
    answers = [reply for topic in topics if (reply := _answer(network, account, topic, contact))]
    return node("user", {"jid": jid}, answers)


def _from_contact(contact: Node | None) -> Jid | None:
    """Numbers are also asked for as text with a plus sign in front."""
    if contact is None:
        return None
    asked = contact.content.decode() if isinstance(contact.content, bytes) else str(contact.content)
    return Jid(asked.lstrip("+").partition("@")[0], PHONE_NUMBER)


def _answer(network: "Network", account: Account | None, topic: str, contact: Node | None) -> Node | None:
    if topic == "contact":
        asked = contact.content if contact and not isinstance(contact.content, list) else None
        text = asked.encode() if isinstance(asked, str) else asked
        return node("contact", {"type": "in" if account else "out"}, text)
    if account is None:
        return None
    if topic == "lid":
        return node("lid", {"val": account.lid_jid})
    if topic == "devices":
        names = network.routing.devices_of(account)
        return node(
            "devices", content=[node("device-list", content=[_device(name.device) for name in names])]
        )
    if topic == "status":
        return node("status", content=b"")
    return None


def _device(number: int) -> Node:
    return node("device", {"id": number, "key-index": 1 if number else None})
