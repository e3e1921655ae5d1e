"""The network itself: who has an account, who is connected, what happens to each stanza."""

import asyncio
import logging
import sqlite3

from worker.sandbox import login
from worker.sandbox.account_life import AccountLife
from worker.sandbox.accounts import Accounts
from worker.sandbox.app_state.collections import Collections
from worker.sandbox.calls import Calls
from worker.sandbox.chance import Chance
from worker.sandbox.connection import Connection
from worker.sandbox.devices import Device, DeviceName, Devices
from worker.sandbox.faults import Faults
from worker.sandbox.group_life import GroupLife
from worker.sandbox.groups import Groups
from worker.sandbox.journal import Journal
from worker.sandbox.mailbox import Mailbox
from worker.sandbox.media_host import MediaHost
from worker.sandbox.options import Options
from worker.sandbox.pairings import Pairings
from worker.sandbox.phones import Phone
from worker.sandbox.presences import Presences
from worker.sandbox.profiles import Profiles
from worker.sandbox.queries import answer
from worker.sandbox.root_key import NetworkIdentity
from worker.sandbox.routing import Routing
from worker.sandbox.signal.prekeys import Bundle
from worker.sandbox.wire.dictionary import Dictionary
from worker.sandbox.wire.errors import WireError
from worker.sandbox.wire.nodes import Node
from worker.sandbox.wire.websocket import WebSocket

log = logging.getLogger(__name__)


class Network:
    def __init__(
        self,
        database: sqlite3.Connection,
        media: MediaHost,
        identity: NetworkIdentity,
        dictionary: Dictionary,
        options: Options,
        *,
        chance: Chance,
        start: int,
    ) -> None:
        self.options = options
        self.clock = options.clock
        self.chance = chance
        self.start = start
        self.started_at = self.clock.now()
        # While a phone says something by itself.
        self.answering = False
        self.media = media
        self.accounts = Accounts(database, chance)
        self.devices = Devices(database)
        self.groups = Groups(database, self.accounts, self.clock, chance.of("groups"))
        self.profiles = Profiles(database)
        self.app_state = Collections(database)
        self.mailbox = Mailbox(database)
        self.journal = Journal(database, self.clock, start)
        self.faults = Faults(self)
        self.pairings = Pairings(self)
        self.routing = Routing(self)
        self.presences = Presences(self)
        self.calls = Calls(self)
        self.group_life = GroupLife(self)
        self.account_life = AccountLife(self)
        self.online: dict[DeviceName, Connection] = {}
        self._database = database
        self._identity = identity
        self._dictionary = dictionary
        self._phones: dict[str, Phone] = {}

    async def new_phone(self, number: str | None = None, name: str = "") -> Phone:
        """A person with a new account; `number` in digits with its country code, or one that nobody has."""
        number = self.accounts.unused_number() if number is None else number
        if not number.isascii() or not number.isdigit():
            raise ValueError(f"a phone number is written in digits, not as {number!r}")
        if self.accounts.of_number(number):
            raise ValueError(f"{number} has an account already")
        self.accounts.open(number, name or number)
        return self.phone(number)

    def phone(self, number: str) -> Phone:
        """The phone of an account, as it was before a restart too."""
        self.accounts.known(number)
        if number not in self._phones:
            self._phones[number] = Phone(self, number, self._database)
        return self._phones[number]

    async def serve(self, socket: WebSocket) -> None:
        """One client from its first byte to its last."""
        connection = Connection(socket, self._dictionary, self._departed)
        try:
            static, payload = await connection.handshake(self._identity)
        except EOFError as error:
            raise WireError("a client that left during the handshake") from error
        login.welcome(self, connection, static, payload)
        reading = asyncio.create_task(self._read(connection))
        writing = asyncio.create_task(connection.write())
        try:
            await asyncio.wait((reading, writing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (reading, writing):
                task.cancel()
            results = await asyncio.gather(reading, writing, return_exceptions=True)
            connection.end("client left")
        for outcome in results:
            if isinstance(outcome, Exception) and not isinstance(outcome, ConnectionError):
                raise outcome

    def deliver(self, owner: DeviceName, stanza: Node) -> None:
        """To a phone at once; to a companion now or when it comes back, until it has acknowledged."""
        if owner.device == 0:
            self.phone(owner.number).receive(stanza)
        elif self.devices.find(owner):
            self.mailbox.put(owner, stanza)
            connection = self.online.get(owner)
            if connection is not None:
                connection.send(stanza)

    def bundle_of(self, name: DeviceName) -> Bundle:
        """LookupError when there is no such device, as for the identity."""
        if name.device == 0:
            return self.phone(name.number).keys.bundle()
        return self.devices.bundle(self._companion(name))

    def identity_of(self, name: DeviceName) -> bytes:
        if name.device == 0:
            return self.phone(name.number).keys.identity.public
        return self._companion(name).identity

    def _companion(self, name: DeviceName) -> Device:
        device = self.devices.find(name)
        if device is None:
            raise LookupError(f"there is no device {name}")
        return device

    async def _read(self, connection: Connection) -> None:
        while (stanza := await connection.receive()) is not None:
            if not connection.ending:
                self._handle(connection, stanza)

    def _handle(self, connection: Connection, stanza: Node) -> None:
        log.debug("sandbox_stanza: %s %s", connection.device, stanza)
        if stanza.tag == "iq":
            self._handle_query(connection, stanza)
        elif connection.device is None:
            log.debug("sandbox_stanza_ignored: %s before log-in", stanza.tag)
        elif stanza.tag in ("message", "receipt"):
            self._acknowledge(connection, self.routing.accept(connection.device, stanza))
        elif stanza.tag == "call":
            self._acknowledge(connection, self.calls.accept(connection.device, stanza))
        elif stanza.tag == "ack":
            self.mailbox.acknowledged(connection.device, stanza)
        elif stanza.tag == "presence":
            self.presences.said(connection.device, stanza)
        elif stanza.tag == "chatstate":
            self.presences.typed(connection.device, stanza)

    def _acknowledge(self, connection: Connection, acknowledgement: Node) -> None:
        if connection.device is not None and not self.faults.drops_acks(connection.device):
            connection.send(acknowledgement)

    def _handle_query(self, connection: Connection, stanza: Node) -> None:
        if stanza.text("type") in ("get", "set"):
            connection.send(answer(self, connection, stanza))
        else:
            self.pairings.answered(connection, stanza)

    def _departed(self, connection: Connection) -> None:
        self.pairings.abandoned(connection)
        if connection.device is not None:
            self.journal.offline(connection.device, connection.number, connection.ending)
            if self.online.get(connection.device) is connection:
                del self.online[connection.device]
                self.presences.gone(connection.device)
