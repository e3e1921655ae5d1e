"""The real client library in a process of its own: commands come on stdin, events leave by a pipe.

Its Go half may end the process at any time, and prints to stdout as it likes.
"""

import asyncio
import ctypes
import json
import logging
import os
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pylibmagic  # noqa: F401 (the library needs libmagic while it is imported)
from neonize import _binder
from neonize.aioze.client import NewAClient
from neonize.proto.Neonize_pb2 import JID
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message
from neonize.utils.enum import MediaType, ParticipantChange, ReceiptType
from neonize.utils.jid import build_jid

from tests.sandbox.client_events import EventTeller
from tests.sandbox.client_values import given, told

_REAL_ROOT_KEY = bytes.fromhex("142375574d0a587166aae71ebe516437c4a28b73e3695c6ce1f7f9545da8ee6b")


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


class Child(EventTeller):
    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__(os.fdopen(settings["events"], "w", buffering=1))
        if settings["debug"]:
            logging.getLogger().setLevel(logging.DEBUG)
            logging.getLogger("neonize.utils.log").setLevel(logging.DEBUG)
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
        self.register(self.client)

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

    async def invoke(self, method: str, arguments: list[Any], named: dict[str, Any]) -> Any:
        """Any call of the library that takes and gives nothing special."""
        words = {name: given(value) for name, value in named.items()}
        return told(await getattr(self.client, method)(*map(given, arguments), **words))

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
    # The library has forgotten to read the answer of this one call.
    _binder.gocode.DecryptPollVote.errcheck = _binder.consume_bytes_struct
    asyncio.run(Child(settings).run())
    # Threads of an abandoned pairing would keep the process for ever.
    os._exit(0)


if __name__ == "__main__":
    main()
