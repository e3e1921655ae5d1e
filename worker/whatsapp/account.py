"""Whose client it is: the account's number, its other name on the network, and what it calls itself."""

from dataclasses import dataclass
from typing import Any, Self

from worker.whatsapp.jids import device_jid, format_jid, is_group, lid_of, phone_of


@dataclass(frozen=True, slots=True)
class Account:
    device_jid: str = ""
    number: str = ""
    lid: str = ""
    name: str = ""

    @classmethod
    def of(cls, device: Any) -> Self:
        """From what the library knows of the device; the name comes after the pairing, and may change."""
        if device is None or not device.JID.User:
            return cls()
        return cls(
            device_jid=device_jid(device.JID),
            number=format_jid(device.JID),
            lid=format_jid(device.LID) if device.LID.User else "",
            name=device.PushName or device.BussinessName,
        )

    @property
    def phone(self) -> str:
        return phone_of(self.number)

    def owns(self, address: str) -> bool:
        return bool(address) and address in {self.number, self.lid}

    def address_in(self, chat: str) -> str:
        """In the form in which the others in the chat know us."""
        if self.lid and (lid_of(chat) or is_group(chat)):
            return self.lid
        return self.number
