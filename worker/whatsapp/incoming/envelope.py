"""Around a message: where it was written, by whom, when, and which message another one means."""

from dataclasses import dataclass, replace
from typing import Any

from shared.contracts.messages import MessageKey
from worker.whatsapp.account import Account
from worker.whatsapp.incoming import fields
from worker.whatsapp.jids import format_jid, is_group, lid_of, phone_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    account: Account
    whatsapp_id: str
    chat: str
    sender: str
    timestamp: int
    sender_phone: str = ""
    sender_lid: str = ""
    chat_phone: str = ""
    chat_lid: str = ""
    from_me: bool = False
    push_name: str = ""
    # Both of the network, which lets only admins delete what others wrote.
    by_admin: bool = False
    ephemeral: bool = False
    view_once: bool = False

    @property
    def author(self) -> str:
        """As a key names it: empty for ourselves."""
        return "" if self.from_me else self.sender

    def key(self, written: Any) -> MessageKey | None:
        """The message that a key means; None for a key that means nothing.

        In keys, `fromMe` is said by whoever wrote the key, and a person's chat has only two people in it.
        """
        whatsapp_id = fields.message_id(written.ID)
        if not whatsapp_id:
            return None
        if written.fromMe:
            return MessageKey(whatsapp_id=whatsapp_id, sender=self.author)
        if not is_group(self.chat):
            return MessageKey(whatsapp_id=whatsapp_id, sender=self.chat if self.from_me else "")
        participant = fields.address(written.participant)
        if not participant:
            return None
        return MessageKey(whatsapp_id=whatsapp_id, sender=self.other(participant))

    def other(self, address: str) -> str:
        return "" if self.account.owns(address) else address


def envelope_of(event: Any, account: Account) -> Envelope:
    return replace(
        envelope_of_info(event.Info, account),
        ephemeral=bool(event.IsEphemeral),
        view_once=bool(event.IsViewOnce or event.IsViewOnceV2 or event.IsViewOnceV2Extension),
    )


def envelope_of_info(info: Any, account: Account) -> Envelope:
    source = info.MessageSource
    from_me, chat = bool(source.IsFromMe), format_jid(source.Chat)
    names = [format_jid(jid) for jid in (source.Sender, source.SenderAlt) if jid.User]
    names += [account.number, account.lid] if from_me else []
    in_chat = _names_of_other(source, chat, from_me=from_me)
    return Envelope(
        account=account,
        whatsapp_id=fields.id_of_told(info.ID),
        chat=chat,
        sender=format_jid(source.Sender),
        timestamp=int(info.Timestamp) // 1000,
        sender_phone=next(filter(None, map(phone_of, names)), ""),
        sender_lid=next(filter(None, map(lid_of, names)), ""),
        chat_phone=next(filter(None, map(phone_of, in_chat)), ""),
        chat_lid=next(filter(None, map(lid_of, in_chat)), ""),
        from_me=from_me,
        push_name=fields.words(info.Pushname),
        by_admin=info.Edit == _ADMIN_REVOKE,
    )


_ADMIN_REVOKE = "8"


def _names_of_other(source: Any, chat: str, *, from_me: bool) -> list[str]:
    """Both names of the other person of a personal chat, as far as they are told."""
    other = source.RecipientAlt if from_me else source.SenderAlt
    return [chat, *([format_jid(other)] if other.User and not source.IsGroup else [])]
