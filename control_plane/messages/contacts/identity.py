"""One identity for each person: the network tells which number and which hidden name belong together."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.messages.chat_ids import STATUS, lid_of, phone_of
from control_plane.messages.contacts.models import Contact
from control_plane.messages.contacts.stored import StoredContacts
from control_plane.messages.models import NO_NEWS, Message
from control_plane.messages.receiving.outside import short
from control_plane.sessions.models import Session
from shared.contracts.messages import ReceivedMessage

_LEARNT = "contacts_learnt"
_LONGEST = 200


async def learn(
    db: AsyncSession,
    session: Session,
    *,
    phone: str | None = None,
    lid: str | None = None,
    push_name: str | None = None,
    asked: bool = False,
) -> Contact | None:
    """Who has these names, as the network tells them together. The session's row is locked by the caller.

    `asked`: we named the number ourselves, and it may be an older form of the one that is known.
    """
    number = phone_of(f"{(phone or '').lstrip('+')}@s.whatsapp.net")
    hidden = lid_of(lid or "")
    if number is None and hidden is None:
        return None
    # A phone's whole history tells the same of the same people again and again.
    learnt: dict[Any, Contact] = db.info.setdefault(_LEARNT, {})
    names = (session.id, number, hidden, asked)
    contact = learnt.get(names)
    if contact is None:
        contact = await _learnt(StoredContacts(db), session, (number, hidden), asked=asked)
        if number is not None and hidden is not None:
            # Whoever was known by one of them may be somebody else now.
            learnt.clear()
        learnt[names] = contact
    if push_name:
        contact.push_name = push_name[:_LONGEST]
    return contact


async def meet(db: AsyncSession, session: Session, told: ReceivedMessage) -> Contact | None:
    """Learns what a message tells of who wrote it; the other person, where it is a chat of two."""
    number, hidden = phone_of(told.chat), lid_of(told.chat)
    called = "" if told.from_me else told.push_name
    if not (number or hidden):
        if not told.from_me:
            names = (told.sender_phone or phone_of(told.sender), told.sender_lid or lid_of(told.sender))
            await learn(db, session, phone=names[0], lid=names[1], push_name=called)
        return None
    phone, lid = told.chat_phone or number, hidden or told.chat_lid
    if not told.from_me:
        phone, lid = phone or told.sender_phone, lid or told.sender_lid
    return await learn(db, session, phone=phone, lid=lid, push_name=called)


async def place(db: AsyncSession, message: Message, contact: Contact | None) -> None:
    """Puts a message into its chat: with a contact, or under its address."""
    if contact is not None:
        message.contact_id, message.phone, message.lid = contact.id, contact.phone, contact.lid
    else:
        message.phone = message.phone or phone_of(message.sender)
        message.lid = message.lid or lid_of(message.sender)
    await _into_chat(db, message)


async def _into_chat(db: AsyncSession, message: Message) -> None:
    # An index holds it.
    message.chat_id = short(message.chat_id)
    if message.type not in NO_NEWS and "@" in message.chat_id and message.chat_id != STATUS:
        await StoredContacts(db).put_chat(message)


async def place_sent(
    db: AsyncSession, session: Session, message: Message, *, phone: str = "", lid: str = ""
) -> None:
    """As `place`, with what the network answered of the recipient. The session's row is locked.

    `phone` is told where the network knows the number in another form: then that is its chat. To be called
    before the message's key is stored, which names the chat.
    """
    if is_known(message, phone=phone, lid=lid):
        await _into_chat(db, message)
        return
    asked, hidden = phone_of(message.chat_id), lid_of(message.chat_id)
    contact = None
    if asked or hidden:
        contact = await learn(db, session, phone=asked, lid=hidden or lid, asked=True)
    if asked and (known := phone_of(f"{phone.lstrip('+')}@s.whatsapp.net")):
        contact = await learn(db, session, phone=known, lid=lid)
        message.chat_id = f"{known.lstrip('+')}@s.whatsapp.net"
    await place(db, message, contact)


def is_known(message: Message, *, phone: str, lid: str) -> bool:
    """As the network knows the recipient: there is nothing to learn from its answer."""
    names = (phone_of(message.chat_id), lid)
    return (
        all(names) and not phone and message.contact_id is not None and (message.phone, message.lid) == names
    )


async def key_names(
    db: AsyncSession, session: Session, told: ReceivedMessage, contact: Contact | None
) -> tuple[str, str]:
    """The chat and the sender by which a message is known; the sender of our own is nobody.

    The network tells the same message of the same chat now under one name of it, now under the other: it is
    known by those under which it came first.
    """
    names = short(told.chat), "" if told.from_me else short(told.sender)
    if contact is None or contact.phone is None or contact.lid is None:
        return names
    chats = (f"{contact.phone.lstrip('+')}@s.whatsapp.net", contact.lid)
    others = [chat for chat in chats if chat != told.chat]
    direction = "outbound" if told.from_me else "inbound"
    known = await StoredContacts(db).key_names(session.id, others, direction, short(told.whatsapp_id))
    return known or names


async def _learnt(
    contacts: StoredContacts, session: Session, names: tuple[str | None, str | None], *, asked: bool
) -> Contact:
    number, hidden = names
    by_phone, by_lid = await contacts.by_names(session.id, number, hidden)
    if number is None or hidden is None:
        return by_phone or by_lid or await contacts.make(session, number, hidden)
    if by_phone is not None and by_phone.lid not in {None, hidden}:
        # It is somebody else's now: a hidden name stays with its account, a number may be given away.
        await contacts.take_number(session.id, number)
        by_phone = None
    contact = by_lid or by_phone or await contacts.make(session, number, hidden)
    if by_phone is not None and by_lid is not None and by_phone is not by_lid:
        contact = await contacts.merge(by_phone, by_lid)
    contact.lid = hidden
    if contact.phone != number and (contact.phone is None or not asked):
        await contacts.rename(contact, number)
    elif contact.phone != number and by_phone is None:
        await contacts.lead(number, contact)
    return contact
