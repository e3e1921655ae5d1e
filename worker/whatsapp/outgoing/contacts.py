"""Contact cards: one, or several in one message."""

from typing import Any

from shared.contracts.messages import ContactCard, Contacts
from worker.whatsapp import library
from worker.whatsapp.outgoing.limits import check_text

_MOST_CARDS = 100
_LONGEST_NAME = 256
_LONGEST_CARD = 65_536


def contacts_message(content: Contacts) -> Any:
    if not content.cards:
        raise ValueError("there is no contact card")
    if len(content.cards) > _MOST_CARDS:
        raise ValueError(f"a message may have at most {_MOST_CARDS} contact cards")
    cards = [_card(card) for card in content.cards]
    if len(cards) == 1:
        return library.Message(contactMessage=cards[0])
    title = f"{len(cards)} contacts"
    return library.Message(contactsArrayMessage={"displayName": title, "contacts": cards})


def _card(card: ContactCard) -> dict[str, str]:
    vcard = check_text(card.vcard, "the contact card", _LONGEST_CARD)
    if not vcard.lstrip().upper().startswith("BEGIN:VCARD"):
        raise ValueError("a contact card must be a vCard that begins with BEGIN:VCARD")
    return {"displayName": check_text(card.name, "the name of the contact", _LONGEST_NAME), "vcard": vcard}
