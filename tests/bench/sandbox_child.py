"""The emulated network in a process of its own, so that its work is told apart from the engines'.

Asked on standard input, a line of JSON for each question; it ends when that ends.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from worker.sandbox.network import Network
from worker.sandbox.options import Options
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox
from worker.sandbox.wire.nodes import Node, node


class SealablePhone(Phone):
    """While `sealed`, it opens no message: the arithmetic of both ends must not be measured as one's."""

    sealed = False
    acknowledges = False
    taken = 0

    def receive(self, stanza: Node) -> None:
        if not self.sealed or stanza.tag != "message":
            super().receive(stanza)
            return
        type(self).taken += 1
        if self.acknowledges:
            own = self._network.routing.name_of(stanza.jid("from"))
            kind = "sender" if own is not None and own.number == self.number else None
            attrs = {"id": stanza.text("id"), "to": stanza.jid("from"), "type": kind}
            self._network.routing.accept(self._name, node("receipt", attrs))


class Answers:
    def __init__(self, network: Network) -> None:
        self._network = network

    async def phones(self, count: int) -> list[str]:
        numbers = []
        for _ in range(count):
            number = (await self._network.new_phone()).number
            self._network._phones[number] = SealablePhone(self._network, number, self._network._database)
            numbers.append(number)
        return numbers

    async def scan(self, number: str, code: str) -> None:
        await self._network.phone(number).scan(code)

    async def write(self, number: str, to: str, text: str) -> None:
        await self._network.phone(number).send_text(self._network.phone(to), text)

    async def seal(self, sealed: bool, acknowledges: bool = False) -> None:
        SealablePhone.sealed, SealablePhone.acknowledges = sealed, acknowledges

    async def taken(self) -> int:
        return SealablePhone.taken

    async def accepted(self, after: int = 0) -> list[int]:
        """How many messages the journal has behind a position, how many of them differ, and its end."""
        ids, position = [], after
        while page := self._network.journal.page(position, "message"):
            ids += [(entry.device, entry.message_id) for _, entry in page]
            position = page[-1][0]
        return [len(ids), len(set(ids)), position]


async def run(folder: Path) -> None:
    async with Sandbox(folder, options=Options(history_messages=0)) as sandbox:
        place = {
            "proxy": sandbox.proxy,
            "certificate": str(sandbox.certificate),
            "root_key": sandbox.root_key.public.hex(),
        }
        say(place)
        answers, tasks = Answers(sandbox.network), set()
        reader = asyncio.StreamReader(limit=2**20)
        protocol = asyncio.StreamReaderProtocol(reader)
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
        while line := await reader.readline():
            task = asyncio.create_task(answer(answers, json.loads(line)))
            tasks.add(task)
            task.add_done_callback(tasks.discard)


async def answer(answers: Answers, question: dict[str, Any]) -> None:
    try:
        said = await getattr(answers, question["call"])(**question["given"])
        say({"number": question["number"], "said": said})
    except Exception as error:
        say({"number": question["number"], "error": repr(error)})


def say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1])))
