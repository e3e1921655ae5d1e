"""A phone and the session of its owner in an engine, linked to each other."""

from typing import Any

from shared.contracts.messages import OutgoingContent, ReceivedMessage, Sent, Text
from shared.contracts.told import LoggedInAs, MessageReceived, Paired, QrShown, StateSeen
from shared.session_state import SessionState
from tests.waiting import until
from tests.whatsapp.engine import Engine, new_session
from worker.engines.words import AskConnected, Problem
from worker.sandbox.devices import Device
from worker.sandbox.network import Network
from worker.sandbox.phones import Phone
from worker.whatsapp.port import Proxy


class Pair:
    def __init__(self, engine: Engine, phone: Phone, store: str) -> None:
        self.engine = engine
        self.phone = phone
        self.store = store
        self.session = new_session()
        self.device_jid = ""

    @property
    def device(self) -> Device:
        (device,) = self.phone.companions
        return device

    @property
    def network(self) -> Network:
        return self.engine.sandbox.network

    async def scan(self, proxy: Proxy | None = None, probe_every: float = 30.0) -> "Pair":
        answer = await self.engine.start(self.session, self.store, proxy=proxy, probe_every=probe_every)
        assert answer.problem is None, answer
        shown = await self.engine.told(self.session, QrShown)
        assert (shown.number, shown.seconds) == (1, 60)
        await self.phone.scan(shown.code)
        self.device_jid = (await self.engine.told(self.session, Paired)).device_jid
        await self.state(SessionState.CONNECTED)
        return self

    async def state(self, state: SessionState) -> StateSeen:
        while True:
            seen = await self.engine.told(self.session, StateSeen)
            if seen.meaning.state is state:
                return seen

    async def ended(self) -> None:
        """The engine has stopped the client by itself."""

        async def gone() -> bool:
            answer = await self.engine.ask(AskConnected, self.session)
            return answer.problem is Problem.NOT_CONNECTED

        await until(gone)

    async def named(self) -> LoggedInAs:
        """Once the phone has told its name, which some calls need."""
        while True:
            account = await self.engine.told(self.session, LoggedInAs)
            if account.display_name:
                return account

    async def send(self, to: Phone | str, content: OutgoingContent | str, **context: Any) -> Sent:
        recipient = to if isinstance(to, str) else f"{to.number}@s.whatsapp.net"
        content = Text(text=content) if isinstance(content, str) else content
        answer = await self.engine.send(self.session, recipient, content, **context)
        assert answer.sent is not None, answer
        return answer.sent

    async def heard(self) -> ReceivedMessage:
        return (await self.engine.told(self.session, MessageReceived)).message
