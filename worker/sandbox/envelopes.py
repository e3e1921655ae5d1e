"""Which sealed parts of a message go to which device, and what the envelope says of its sender."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from worker.sandbox.accounts import Account
from worker.sandbox.devices import DeviceName
from worker.sandbox.groups import Group
from worker.sandbox.wire.nodes import Node

if TYPE_CHECKING:
    from worker.sandbox.routing import Routing

Parts = Iterator[tuple[DeviceName, list[Node]]]


def personal_parts(routing: "Routing", stanza: Node) -> Parts:
    """One sealed part for each device; a message sent again to one device has no list."""
    participants = stanza.child("participants")
    if participants is None:
        yield from _part(routing, stanza, "to", stanza)
    else:
        for part in participants.all("to"):
            yield from _part(routing, part, "jid", part)


def group_parts(routing: "Routing", stanza: Node, members: list[Account]) -> Parts:
    """The part that all can read, and for each device the key to it if there is one."""
    if stanza.jid("participant"):
        yield from _part(routing, stanza, "participant", stanza)
        return
    # Who gets only the common part has heard the sender's key before.
    common = list(stanza.all("enc"))
    keys = dict(personal_parts(routing, stanza)) if stanza.child("participants") else {}
    for member in members:
        for name in routing.devices_of(member):
            yield name, [*keys.get(name, ()), *common]


def personal_envelope(author: Account, sender: DeviceName, recipient: Account | None) -> dict[str, object]:
    """The recipient is told to the sender's own devices only, and to those nothing else."""
    attrs: dict[str, object] = {"from": author.lid_jid.with_device(sender.device)}
    if recipient:
        return {**attrs, "recipient": recipient.lid_jid, "peer_recipient_pn": recipient.phone_jid}
    return {**attrs, "sender_pn": author.phone_jid.with_device(sender.device)}


def group_envelope(group: Group, author: Account, sender: DeviceName) -> dict[str, object]:
    return {
        "from": group.jid,
        "participant": author.lid_jid.with_device(sender.device),
        "participant_pn": author.phone_jid.with_device(sender.device),
    }


def _part(routing: "Routing", addressed: Node, attribute: str, part: Node) -> Parts:
    name = routing.name_of(addressed.jid(attribute))
    # Some messages are for phones only; companions are told that there is one.
    sealed = part.child("enc") or part.child("unavailable")
    if name is not None and sealed is not None:
        yield name, [sealed]
