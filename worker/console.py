"""python -m worker console: one session on this machine, without a control plane, by typing."""

import asyncio
import json
import os
import sys
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TextIO
from uuid import UUID

import segno

from shared.contracts.messages import FileKind, OutgoingMessage, Text
from shared.contracts.told import Paired, QrShown, StateSeen, Told
from shared.environment import EnvironmentReader, SettingsError
from shared.files.errors import MediaError
from shared.ids import Epoch, SessionId, new_uuid
from shared.log_lines import LogFormat, configure_log_lines
from worker.console_words import describe
from worker.engines.folder_lock import FolderInUse
from worker.engines.networks import REAL, SANDBOX
from worker.engines.session_spec import SessionSpec
from worker.engines.words import AskPairingCode, Send
from worker.node import Node
from worker.settings import NodeSettings
from worker.whatsapp.port import NotConnected, Refused, Uncertain
from worker.whatsapp.stores import SqliteStore

_SANDBOX = {
    "proxy": "WAYPOST_SANDBOX_PROXY",
    "certificate": "WAYPOST_SANDBOX_CA",
    "rootKey": "WAYPOST_SANDBOX_ROOT_KEY",
}
HELP = """Type one of these:
  send NUMBER TEXT         to a phone number with its country code, digits only
  file KIND NUMBER PATH    image, video, audio, voice, document or sticker
  code NUMBER              pair by a code instead of the QR
  stop                     end the session's client; its pairing stays
  start                    start it again
  logout                   end the pairing, here and on the phone
  quit"""


def main(environment: Mapping[str, str], arguments: Namespace) -> int:
    reader = EnvironmentReader({**environment, **_sandbox_settings(arguments.sandbox)})
    settings = NodeSettings.read(reader)
    reader.done()
    network = SANDBOX if settings.sandbox is not None else REAL
    folder = settings.data_dir / "console"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "console.log").open("a") as stream:
        configure_log_lines(LogFormat.JSON, "info", "console", stream)
        # Its session lives in a file of its own folder, whatever store the workers of this machine share.
        settings = replace(settings, data_dir=folder, store_url=None)
        try:
            return asyncio.run(Console(settings, network).run())
        except FolderInUse as error:
            say(f"waypost: {error}", sys.stderr)
            return 1


def _sandbox_settings(record: Path | None) -> dict[str, str]:
    if record is None:
        return {}
    try:
        told = json.loads(record.read_text())
        return {variable: told[name] for name, variable in _SANDBOX.items()}
    except (OSError, ValueError, KeyError, TypeError):
        problem = f"--sandbox: {record} tells of no running network; `python -m worker.sandbox` writes it"
        raise SettingsError([problem]) from None


class Console:
    def __init__(self, settings: NodeSettings, network: str) -> None:
        self._settings = settings
        self._record = settings.data_dir / f"{network}-session.json"
        self._spec = self._remembered(network)
        self._node = Node(settings)

    async def run(self) -> int:
        self._node.subscribers.append(self._told)
        async with self._node:
            self._node.engines.start(self._spec)
            say(HELP)
            reader = asyncio.StreamReader()
            loop = asyncio.get_running_loop()
            await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
            while line := await reader.readline():
                words = line.decode(errors="replace").strip()
                if words == "quit":
                    break
                if words:
                    await self._obey(words)
        return 0

    async def _obey(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        try:
            await self._command(word, rest.strip())
        except NotConnected:
            say("not connected: nothing was sent")
        except Uncertain:
            say("no answer came: it may have been sent, or not")
        except (Refused, MediaError, ValueError, OSError) as error:
            say(f"refused: {error}")

    async def _command(self, word: str, rest: str) -> None:
        engines, session = self._node.engines, self._spec.session
        if word == "send":
            number, _, text = rest.partition(" ")
            message = OutgoingMessage(content=Text(text=text))
            command = Send(recipient=_address(number), message=message)
            say(f"sent {(await engines.send(session, command)).whatsapp_id}")
        elif word == "file":
            kind, number, path = [*rest.split(" ", 2), "", ""][:3]
            name, data = await asyncio.to_thread(_read, path)
            sent = await self._node.files.send(
                session, _address(number), FileKind(kind), data, file_name=name
            )
            say(f"sent {sent.whatsapp_id}")
        elif word == "code":
            answer = await engines.ask(session, AskPairingCode(phone=rest.lstrip("+")))
            say(f"pairing code {answer.code}")
        elif word == "stop":
            await engines.stop(session)
            say("stopped")
        elif word == "start":
            engines.start(self._spec)
        elif word == "logout":
            await engines.log_out(session)
        else:
            say(HELP)

    def _told(self, _: SessionSpec, told: Told) -> None:
        if isinstance(told, Paired):
            self._remember(told.device_jid)
        elif isinstance(told, StateSeen) and told.meaning.forgets:
            self._remember(None)
        if line := describe(told):
            say(line)
        if isinstance(told, QrShown) and sys.stdout.isatty():
            segno.make(told.code, error="l").terminal(compact=True)

    def _remembered(self, network: str) -> SessionSpec:
        known = json.loads(self._record.read_text()) if self._record.exists() else {}
        return SessionSpec(
            session_id=SessionId(UUID(known["session"])) if known else SessionId(new_uuid()),
            epoch=Epoch(1),
            network=network,
            store=SqliteStore(self._settings.data_dir / "sessions"),
            device_jid=known.get("device"),
            device_name="Waypost",
        )

    def _remember(self, device: str | None) -> None:
        self._spec = replace(self._spec, device_jid=device)
        _write_private(self._record, json.dumps({"session": self._spec.session, "device": device}))


def _read(path: str) -> tuple[str, bytes]:
    file = Path(path).expanduser()
    return file.name, file.read_bytes()


def _address(number: str) -> str:
    return f"{number.lstrip('+')}@s.whatsapp.net"


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def say(line: str, stream: TextIO | None = None) -> None:
    print(line, file=stream or sys.stdout, flush=True)
