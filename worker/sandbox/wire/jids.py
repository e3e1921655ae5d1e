"""Addresses of the network, in all forms in which the wire writes them."""

from dataclasses import dataclass, replace

PHONE_NUMBER = "s.whatsapp.net"
LID = "lid"
GROUP = "g.us"
HOSTED = "hosted"
HOSTED_LID = "hosted.lid"
MESSENGER = "msgr"
INTEROP = "interop"


@dataclass(frozen=True, slots=True)
class Jid:
    """Device 0 is the phone itself; an empty user names a server."""

    user: str
    server: str
    device: int = 0
    integrator: int = 0

    @property
    def account(self) -> "Jid":
        return replace(self, device=0)

    def with_device(self, device: int) -> "Jid":
        return replace(self, device=device)

    def __str__(self) -> str:
        device = f":{self.device}" if self.device else ""
        return f"{self.user}{device}@{self.server}" if self.user else self.server

    @classmethod
    def parse(cls, text: str) -> "Jid":
        """The reverse of str() for addresses of people; integrators have no text form."""
        name, _, server = text.rpartition("@")
        user, _, device = name.partition(":")
        return cls(user, server, int(device or 0))


# The network itself. Clients ignore stanzas whose sender is this name written in any other form.
SERVER = Jid("", PHONE_NUMBER)
