"""What the real client library reports, told to the test's end of the pipe."""

import ctypes
import json
from typing import Any, TextIO

import pylibmagic  # noqa: F401 (the library needs libmagic while it is imported)
from neonize.aioze.client import NewAClient
from neonize.aioze.events import (
    BlocklistEv,
    CallOfferEv,
    CallTerminateEv,
    ChatPresenceEv,
    ClientOutdatedEv,
    ConnectedEv,
    ConnectFailureEv,
    DisconnectedEv,
    GroupInfoEv,
    HistorySyncEv,
    IdentityChangeEv,
    JoinedGroupEv,
    LoggedOutEv,
    MessageEv,
    OfflineSyncCompletedEv,
    PairStatusEv,
    PictureEv,
    PresenceEv,
    ReceiptEv,
    StreamErrorEv,
    StreamReplacedEv,
    TemporaryBanEv,
)
from neonize.proto.Neonize_pb2 import UndecryptableMessage

from tests.sandbox.client_values import told

_PLAIN_EVENTS = {
    "disconnected": DisconnectedEv,
    "stream_replaced": StreamReplacedEv,
    "client_outdated": ClientOutdatedEv,
    "connected": ConnectedEv,
    "offline_sync_completed": OfflineSyncCompletedEv,
    "connect_failure": ConnectFailureEv,
}
_TOLD_EVENTS = {
    "blocklist": BlocklistEv,
    "call_offer": CallOfferEv,
    "call_terminate": CallTerminateEv,
    "chat_presence": ChatPresenceEv,
    "group_info": GroupInfoEv,
    "history_sync": HistorySyncEv,
    "identity_change": IdentityChangeEv,
    "joined_group": JoinedGroupEv,
    "picture": PictureEv,
    "presence": PresenceEv,
    "undecryptable": UndecryptableMessage,
}


class EventTeller:
    def __init__(self, pipe: TextIO) -> None:
        self._pipe = pipe

    def tell(self, event: str, **details: Any) -> None:
        self._pipe.write(json.dumps({"event": event, **details}) + "\n")

    def register(self, client: NewAClient) -> None:
        """Before it connects, because the library copies its handlers then."""
        client.event.qr(self._on_qr)
        # The library tells nobody else that the codes ran out; this is called by a thread of Go.
        client._NewAClient__onLoginStatus = lambda _uuid, status: self.tell(
            "login_status", status=ctypes.string_at(status).decode()
        )
        for name, kind in _PLAIN_EVENTS.items():
            client.event(kind)(self._plain(name))
        for name, kind in _TOLD_EVENTS.items():
            client.event(kind)(self._told(name))

        client.event(PairStatusEv)(self._on_pair_status)
        client.event(MessageEv)(self._on_message)
        client.event(ReceiptEv)(self._on_receipt)
        client.event(LoggedOutEv)(self._on_logged_out)
        client.event(TemporaryBanEv)(self._on_temporary_ban)
        client.event(StreamErrorEv)(self._on_stream_error)

    async def _on_qr(self, _: NewAClient, data: bytes) -> None:
        self.tell("qr", data=data.decode())

    async def _on_pair_status(self, _: NewAClient, event: Any) -> None:
        self.tell("pair_status", jid=f"{event.ID.User}:{event.ID.Device}", error=event.Error)

    async def _on_message(self, _: NewAClient, event: Any) -> None:
        source, content = event.Info.MessageSource, event.Message
        self.tell(
            # What its own phone has to say to it is news for nobody else.
            "peer_message" if event.Info.Category == "peer" else "message",
            id=event.Info.ID,
            chat=f"{source.Chat.User}@{source.Chat.Server}",
            sender=f"{source.Sender.User}@{source.Sender.Server}",
            sender_number=source.SenderAlt.User,
            name=event.Info.Pushname,
            from_me=source.IsFromMe,
            view_once=event.IsViewOnce or event.IsViewOnceV2,
            timestamp=int(event.Info.Timestamp),
            text=content.conversation or content.extendedTextMessage.text,
            content=content.SerializeToString().hex(),
            raw=event.SerializeToString().hex(),
        )

    async def _on_receipt(self, _: NewAClient, event: Any) -> None:
        source = event.MessageSource
        self.tell(
            "receipt",
            ids=list(event.MessageIDs),
            type=int(event.Type),
            chat=f"{source.Chat.User}@{source.Chat.Server}",
            from_me=source.IsFromMe,
        )

    async def _on_logged_out(self, _: NewAClient, event: Any) -> None:
        self.tell("logged_out", on_connect=event.OnConnect)

    async def _on_temporary_ban(self, _: NewAClient, event: Any) -> None:
        self.tell("temporary_ban", code=int(event.Code), expire=int(event.Expire))

    async def _on_stream_error(self, _: NewAClient, event: Any) -> None:
        self.tell("stream_error", code=event.Code)

    def _plain(self, name: str) -> Any:
        async def handler(_: NewAClient, _event: Any) -> None:
            self.tell(name)

        return handler

    def _told(self, name: str) -> Any:
        async def handler(_: NewAClient, event: Any) -> None:
            self.tell(name, **told(event))

        return handler
