"""From the library's messages to ours."""

from typing import Any

from worker.whatsapp.jids import USER_SERVER, format_jid
from worker.whatsapp.port import ReceiptSeen, TextReceived


def text_of(event: Any) -> TextReceived | None:
    """Plain and extended text; None for every other kind."""
    message, info = event.Message, event.Info
    text = message.conversation or message.extendedTextMessage.text
    if not text:
        return None
    source = info.MessageSource
    return TextReceived(
        whatsapp_id=info.ID,
        chat=format_jid(source.Chat),
        sender=format_jid(source.Sender),
        sender_phone=_phone(source),
        from_me=bool(source.IsFromMe),
        push_name=info.Pushname,
        timestamp=int(info.Timestamp),
        text=text,
    )


def receipt_of(event: Any) -> ReceiptSeen:
    kinds = event.DESCRIPTOR.fields_by_name["Type"].enum_type.values_by_number
    source = event.MessageSource
    return ReceiptSeen(
        chat=format_jid(source.Chat),
        sender=format_jid(source.Sender),
        whatsapp_ids=list(event.MessageIDs),
        kind=kinds[event.Type].name.lower() if event.Type in kinds else "unknown",
        timestamp=int(event.Timestamp),
    )


def _phone(source: Any) -> str:
    """Senders are told by their LID; the number, when the network gave it, stands beside."""
    for jid in (source.Sender, source.SenderAlt):
        if jid.Server == USER_SERVER and jid.User:
            return f"+{jid.User}"
    return ""
