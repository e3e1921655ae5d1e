"""Everything that is told beside messages: receipts, typing, presence, calls, groups."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from shared.contracts.told import CallSeen, GroupChanged, PresenceSeen, ReceiptSeen, TypingSeen, Undecryptable
from worker.whatsapp.account import Account
from worker.whatsapp.incoming import fields
from worker.whatsapp.incoming.envelope import envelope_of_info
from worker.whatsapp.jids import format_jid, lid_of, phone_of

# The library has no name for a voice note that was played on another device of ours, and takes this one.
_RECEIPTS: Mapping[str, str] = {"SERVER_ERROR": "played_self"}


def receipt(event: Any) -> ReceiptSeen:
    kinds = event.DESCRIPTOR.fields_by_name["Type"].enum_type.values_by_number
    name = kinds[event.Type].name if event.Type in kinds else "unknown"
    source = event.MessageSource
    names = [format_jid(jid) for jid in (source.Sender, source.SenderAlt) if jid.User]
    return ReceiptSeen(
        chat=format_jid(source.Chat),
        sender=format_jid(source.Sender),
        sender_phone=next(filter(None, map(phone_of, names)), ""),
        sender_lid=next(filter(None, map(lid_of, names)), ""),
        from_me=bool(source.IsFromMe),
        whatsapp_ids=tuple(filter(None, map(fields.message_id, event.MessageIDs))),
        kind=_RECEIPTS.get(name, name.lower()),
        timestamp=int(event.Timestamp),
    )


def undecryptable(event: Any, account: Account) -> Undecryptable:
    envelope = envelope_of_info(event.Info, account)
    return Undecryptable(
        whatsapp_id=envelope.whatsapp_id,
        chat=envelope.chat,
        sender=envelope.sender,
        timestamp=envelope.timestamp,
        withheld=bool(event.IsUnavailable),
        from_me=envelope.from_me,
        chat_phone=envelope.chat_phone,
        sender_phone=envelope.sender_phone,
        sender_lid=envelope.sender_lid,
        push_name=envelope.push_name,
    )


def typing(event: Any) -> TypingSeen:
    recording = event.Media == event.AUDIO
    composing = "recording" if recording else "typing"
    return TypingSeen(
        chat=format_jid(event.MessageSource.Chat),
        sender=format_jid(event.MessageSource.Sender),
        state=composing if event.State == event.COMPOSING else "paused",
    )


def presence(event: Any) -> PresenceSeen:
    return PresenceSeen(
        sender=format_jid(event.From),
        available=not event.Unavailable,
        # A time that it does not know is one in the year 1.
        last_seen=max(0, int(event.LastSeen)),
    )


def call(event: Any, state: str) -> CallSeen:
    about = event.basicCallMeta
    caller = about.callCreator if about.callCreator.User else getattr(about, "from")
    return CallSeen(
        call_id=fields.message_id(about.callID),
        sender=format_jid(caller),
        state=state,
        timestamp=int(about.timestamp),
    )


def joined(event: Any) -> GroupChanged:
    """The library tells no time for it."""
    group = event.GroupInfo
    author = event.Sender if event.Sender.User else group.OwnerJID
    return GroupChanged(
        group=format_jid(group.JID),
        author=format_jid(author) if author.User else "",
        timestamp=int(time.time()),
        joined=True,
        subject=fields.words(group.GroupName.Name),
        description=fields.words(group.GroupTopic.Topic),
    )


def group_changed(event: Any, account: Account) -> GroupChanged:
    added = _people(event.Join)
    return GroupChanged(
        group=format_jid(event.JID),
        author=format_jid(event.Sender) if event.Sender.User else "",
        timestamp=int(event.Timestamp),
        joined=any(map(account.owns, added)),
        subject=fields.words(event.Name.Name),
        description=fields.words(event.Topic.Topic),
        added=added,
        removed=_people(event.Leave),
        promoted=_people(event.Promote),
        demoted=_people(event.Demote),
    )


def _people(jids: Iterable[Any]) -> tuple[str, ...]:
    return tuple(format_jid(jid) for jid in jids)
