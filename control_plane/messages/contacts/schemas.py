"""What travels over the wire for contacts and chats."""

from datetime import datetime

from control_plane.accounts.schemas import Answer
from control_plane.messages.contacts.models import Chat, Contact
from control_plane.messages.schemas import MessageView
from shared.ids import public_id


class ContactView(Answer):
    """`id` stays, whichever of their names somebody is told under; `name` is the best there is to show."""

    id: str
    chat_id: str
    phone: str | None
    lid: str | None
    name: str
    push_name: str | None
    first_seen_at: datetime
    last_message_at: datetime | None

    @classmethod
    def of(cls, contact: Contact, last_message_at: datetime | None) -> "ContactView":
        return cls(
            id=public_id("con", contact.id),
            chat_id=address_of(contact),
            phone=contact.phone,
            lid=contact.lid,
            name=_name(contact),
            push_name=contact.push_name,
            first_seen_at=contact.created_at,
            last_message_at=last_message_at,
        )


class ChatView(Answer):
    """Of a person or, without a contact, of a group. `unread` is counted up to 1000.

    `lastMessage` is null when it was removed, because it was old or was erased.
    """

    chat_id: str
    contact_id: str | None
    phone: str | None
    lid: str | None
    name: str | None
    unread: int
    last_message_at: datetime
    last_message: MessageView | None

    @classmethod
    def of(cls, chat: Chat, contact: Contact | None, unread: int, last: MessageView | None) -> "ChatView":
        return cls(
            chat_id=address_of(contact) if contact is not None else chat.chat_id,
            contact_id=public_id("con", contact.id) if contact is not None else None,
            phone=contact.phone if contact is not None else None,
            lid=contact.lid if contact is not None else None,
            name=_name(contact) if contact is not None else None,
            unread=unread,
            last_message_at=chat.last_message_at,
            last_message=last,
        )


def address_of(contact: Contact) -> str:
    """By the number where it is known."""
    if contact.phone is not None:
        return f"{contact.phone.lstrip('+')}@s.whatsapp.net"
    return contact.lid or ""


def _name(contact: Contact) -> str:
    return contact.push_name or contact.phone or (contact.lid or "").partition("@")[0]
