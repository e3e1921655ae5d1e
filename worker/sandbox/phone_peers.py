"""What a phone and its companions have to say to each other that is no message of anybody."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from worker.sandbox.devices import DeviceName
from worker.sandbox.phone_history import PhoneHistory
from worker.sandbox.phone_settings import PhoneSettings

if TYPE_CHECKING:
    from worker.sandbox.network import Network

log = logging.getLogger(__name__)


class PhonePeers:
    def __init__(
        self,
        network: "Network",
        settings: PhoneSettings,
        history: PhoneHistory,
        tell: Callable[[DeviceName, Any], None],
    ) -> None:
        self._network = network
        self._settings = settings
        self._history = history
        self._tell = tell

    def greet(self, companion: DeviceName) -> None:
        """Once, when a new companion is there for the first time."""
        self._tell(companion, self._settings.key_share())
        if self._network.options.history_messages:
            for chunk in self._history.chunks():
                self._tell(companion, chunk)

    def asked(self, companion: DeviceName, content: Any) -> None:
        """A request of a companion; what a phone does not know it leaves unanswered."""
        if content.protocolMessage.HasField("appStateSyncKeyRequest"):
            self._tell(companion, self._settings.key_share())
        else:
            log.debug("sandbox_peer_request_ignored: from %s", companion)
