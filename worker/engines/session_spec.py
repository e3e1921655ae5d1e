"""What the agent knows of a session that it is to run."""

from dataclasses import dataclass

from shared.ids import Epoch, SessionId
from worker.whatsapp.port import Proxy
from worker.whatsapp.stores import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSpec:
    """Without a device the session has to be paired first."""

    session_id: SessionId
    epoch: Epoch
    network: str
    store: Store
    device_jid: str | None
    device_name: str
    proxy: Proxy | None = None

    @property
    def session(self) -> str:
        return str(self.session_id)

    @property
    def address(self) -> str:
        return self.store.address(self.session_id, self.epoch)
