"""A mail server of the tests: it speaks just enough SMTP to take a mail, or to refuse one."""

import asyncio
from email import message_from_bytes
from email.message import Message
from typing import Self

from tests.waiting import until


class SmtpServer:
    def __init__(self) -> None:
        self.boxes: dict[str, list[Message]] = {}
        self.refuse_next = 0
        self.refused = 0

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def mail_to(self, address: str) -> Message:
        async def arrived() -> bool:
            return address in self.boxes

        await until(arrived)
        return self.boxes[address][-1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())
            await writer.drain()

        recipient = ""
        await say("220 test")
        while line := (await reader.readline()).decode().strip():
            verb = line[:4].upper()
            if verb == "RCPT" and self.refuse_next:
                self.refuse_next -= 1
                self.refused += 1
                await say("451 try later")
            elif verb == "RCPT":
                recipient = line.partition("<")[2].partition(">")[0]
                await say("250 ok")
            elif verb == "DATA":
                await say("354 go on")
                raw = await reader.readuntil(b"\r\n.\r\n")
                self.boxes.setdefault(recipient, []).append(message_from_bytes(raw[:-5]))
                await say("250 taken")
            elif verb == "QUIT":
                await say("221 bye")
                break
            else:
                await say("250 ok")
        writer.close()
