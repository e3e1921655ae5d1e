"""The real client library in a process of its own: commands come on stdin, events leave by a pipe.

Its Go half may end the process at any time, and prints to stdout as it likes.
"""

import asyncio
import ctypes
import json
import os
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pylibmagic  # noqa: F401 (the library needs libmagic while it is imported)
from neonize.aioze.client import NewAClient
from neonize.aioze.events import (
    ClientOutdatedEv,
    ConnectedEv,
    ConnectFailureEv,
    DisconnectedEv,
    GroupInfoEv,
    JoinedGroupEv,
    LoggedOutEv,
    MessageEv,
    OfflineSyncCompletedEv,
    PairStatusEv,
    ReceiptEv,
    StreamErrorEv,
    StreamReplacedEv,
    TemporaryBanEv,
)
from neonize.proto.Neonize_pb2 import JID
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message
from neonize.utils.enum import MediaType, ParticipantChange, ReceiptType
from neonize.utils.jid import build_jid

_REAL_ROOT_KEY = bytes.fromhex("142375574d0a587166aae71ebe516437c4a28b73e3695c6ce1f7f9545da8ee6b")
_PLAIN_EVENTS = {
    "disconnected": DisconnectedEv,
    "stream_replaced": StreamReplacedEv,
    "client_outdated": ClientOutdatedEv,
    "joined_group": JoinedGroupEv,
    "group_info": GroupInfoEv,
    "connected": ConnectedEv,
    "offline_sync_completed": OfflineSyncCompletedEv,
    "connect_failure": ConnectFailureEv,
}


def trust_root_key(public: bytes) -> None:
    """Overwrites the one copy of the network's key in the loaded library, in this process only."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) < 6 or "neonize" not in Path(fields[5]).name or not fields[1].startswith("rw"):
            continue
        start, end = (int(address, 16) for address in fields[0].split("-"))
        position = ctypes.string_at(start, end - start).find(_REAL_ROOT_KEY)
        if position != -1:
            ctypes.memmove(start + position, public, len(public))
            return
    raise LookupError("the library holds its root key somewhere else")


class Child:
    def __init__(self, settings: dict[str, Any]) -> None:
        self._events = os.fdopen(settings["events"], "w", buffering=1)
        jid = settings["jid"]
        self.client = NewAClient(settings["store"], uuid=uuid.uuid4().hex, new_device=jid is None)
        # Were this object collected, its finalizer would stop the running client.
        self.client._stop_finalizer.detach()
        if jid is not None:
            user, _, device = jid.partition(":")
            self.client.jid = JID(
                User=user,
                Server="s.whatsapp.net",
                Device=int(device),
                RawAgent=0,
                Integrator=0,
                IsEmpty=False,
            )
        self._register()

    def tell(self, event: str, **details: Any) -> None:
        self._events.write(json.dumps({"event": event, **details}) + "\n")

    def _register(self) -> None:
        client = self.client

        client.event.qr(self._on_qr)
        # The library tells nobody else that the codes ran out; this is called by a thread of Go.
        client._NewAClient__onLoginStatus = lambda _uuid, status: self.tell(
            "login_status", status=ctypes.string_at(status).decode()
        )
        for name, kind in _PLAIN_EVENTS.items():
            client.event(kind)(self._plain(name))

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
            "message",
            id=event.Info.ID,
            chat=f"{source.Chat.User}@{source.Chat.Server}",
            sender=f"{source.Sender.User}@{source.Sender.Server}",
            sender_number=source.SenderAlt.User,
            name=event.Info.Pushname,
            from_me=source.IsFromMe,
            text=content.conversation or content.extendedTextMessage.text,
            content=content.SerializeToString().hex(),
        )

    async def _on_receipt(self, _: NewAClient, event: Any) -> None:
        self.tell("receipt", ids=list(event.MessageIDs), type=int(event.Type))

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

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(8))
        commands = asyncio.StreamReader(limit=1 << 22)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
        while line := await commands.readline():
            command = json.loads(line)
            try:
                result = await getattr(self, command.pop("do"))(**command.pop("with"))
                self.tell("answer", number=command["number"], result=result)
            except Exception as error:
                self.tell("answer", number=command["number"], error=f"{type(error).__name__}: {error}")

    async def connect(self) -> None:
        task = await self.client.connect()
        task.add_done_callback(lambda done: self.tell("ended", error=repr(done.exception())))

    async def pair_phone(self, number: str) -> str:
        return str(await self.client.PairPhone(number, show_push_notification=False))

    async def send(self, to: str, text: str) -> str:
        return str((await self.client.send_message(build_jid(to), Message(conversation=text))).ID)

    async def send_content(self, to: str, content: str) -> str:
        """Any message, as the bytes of its protobuf."""
        return str(
            (await self.client.send_message(build_jid(to), Message.FromString(bytes.fromhex(content)))).ID
        )

    async def create_group(self, subject: str, others: list[str]) -> str:
        info = await self.client.create_group(subject, [build_jid(number) for number in others])
        return str(info.JID.User)

    async def group_members(self, group: str) -> list[str]:
        info = await self.client.get_group_info(build_jid(group, "g.us"))
        return sorted(member.PhoneNumber.User for member in info.Participants)

    async def change_group(self, group: str, change: str, number: str) -> None:
        await self.client.update_group_participants(
            build_jid(group, "g.us"), [build_jid(number)], ParticipantChange(change)
        )

    async def send_to_group(self, group: str, text: str) -> str:
        return str((await self.client.send_message(build_jid(group, "g.us"), Message(conversation=text))).ID)

    async def upload(self, data: str, kind: str) -> dict[str, Any]:
        sent = await self.client.upload(bytes.fromhex(data), getattr(MediaType, f"Media{kind.capitalize()}"))
        return {
            "URL": sent.url,
            "directPath": sent.DirectPath,
            "mediaKey": sent.MediaKey.hex(),
            "fileEncSHA256": sent.FileEncSHA256.hex(),
            "fileSHA256": sent.FileSHA256.hex(),
            "fileLength": sent.FileLength,
        }

    async def download(self, content: str) -> str:
        data = await self.client.download_any(Message.FromString(bytes.fromhex(content)))
        return bytes(data or b"").hex()

    async def mark_read(self, ids: list[str], chat: str) -> None:
        user, _, server = chat.partition("@")
        jid = build_jid(user, server)
        await self.client.mark_read(*ids, chat=jid, sender=jid, receipt=ReceiptType.READ)

    async def is_on_whatsapp(self, number: str) -> bool:
        (found,) = await self.client.is_on_whatsapp(number)
        return bool(found.IsIn)

    async def is_connected(self) -> bool:
        return bool(await self.client.is_connected)

    async def log_out(self) -> None:
        await self.client.logout()

    async def stop(self) -> None:
        await self.client.stop()


def main() -> None:
    settings = json.loads(sys.argv[1])
    trust_root_key(bytes.fromhex(settings["root_key"]))
    asyncio.run(Child(settings).run())
    # Threads of an abandoned pairing would keep the process for ever.
    os._exit(0)


if __name__ == "__main__":
    main()
