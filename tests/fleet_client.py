"""A worker that speaks the protocol of the fleet to a replica, without any engine behind it."""

import itertools
import secrets
import uuid
from typing import Any

import httpx
import msgspec
from sqlalchemy import select

from control_plane.db.engine import SystemSite
from control_plane.fleet.models import Worker
from control_plane.sessions.models import Session
from control_plane.supervision.recovery import take_over
from shared.contracts import told as words
from shared.contracts.messages import ReceivedMessage, Text
from shared.session_state import Reason, SessionState
from tests.factories import People, Person
from tests.replica import Replica

JOIN_TOKEN = "canary-join-token-of-these-tests"
PEER = "4915112345678@s.whatsapp.net"
_ports = itertools.count(20_001)


class FleetWorker:
    def __init__(self, replica: Replica, worker_id: str = "") -> None:
        self.replica = replica
        self.id = worker_id or f"worker-{secrets.token_hex(4)}"
        self.endpoint = f"http://10.9.8.7:{next(_ports)}"
        self.token = ""
        self.incarnation = 0
        self.spool = secrets.token_hex(8)
        self.position = 0
        # The epoch of each session that it was told to start, as `obey` hears of it.
        self.runs: dict[str, int] = {}

    async def call(
        self, method: str, path: str, *, token: str | None = None, **options: Any
    ) -> httpx.Response:
        """`path` begins behind the worker's own address; or it is a whole one."""
        whole = path if path.startswith("/v1/") else f"/v1/workers/{self.id}{path}"
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        return await self.replica.client.request(method, whole, headers=headers, **options)

    async def try_to_register(self, token: str = JOIN_TOKEN, **changes: Any) -> httpx.Response:
        body = {
            "workerId": self.id,
            "endpoint": self.endpoint,
            "version": "1.0",
            "capacity": 100,
            "sandbox": True,
        }
        return await self.call("POST", "/v1/workers/register", token=token, json=body | changes)

    async def register(self, **changes: Any) -> dict[str, Any]:
        answer = await self.try_to_register(**changes)
        assert answer.status_code == 200, answer.text
        registered: dict[str, Any] = answer.json()
        self.id = registered["workerId"]
        self.token, self.incarnation = registered["token"], registered["incarnation"]
        return registered

    async def try_to_beat(self, *states: dict[str, Any], **more: Any) -> httpx.Response:
        body = {"incarnation": self.incarnation, "states": list(states), **more}
        return await self.call("POST", "/heartbeat", json=body)

    async def beat(self, *states: dict[str, Any], **more: Any) -> dict[str, Any]:
        answer = await self.try_to_beat(*states, **more)
        assert answer.status_code == 200, answer.text
        orders: dict[str, Any] = answer.json()
        return orders

    def states(self) -> list[dict[str, Any]]:
        return [state(session, epoch, "connected") for session, epoch in self.runs.items()]

    async def obey(self) -> dict[str, Any]:
        """It does at once what it is told, and says so with its next beat."""
        orders = await self.beat(*self.states())
        self.runs |= {order["sessionId"]: order["epoch"] for order in orders["start"]}
        return orders

    async def hand_over(self, orders: dict[str, Any]) -> None:
        stopped = [order for order in orders["stop"] if order["handOver"]]
        released = [state(order["sessionId"], order["epoch"], "disconnected") for order in stopped]
        body = {"incarnation": self.incarnation, "sessions": released}
        answer = await self.call("POST", "/sessions/released", json=body)
        assert answer.status_code == 204, answer.text
        for order in stopped:
            del self.runs[order["sessionId"]]

    def event(
        self, session: str, epoch: int, told: words.Told, position: int | None = None
    ) -> dict[str, Any]:
        if position is None:
            self.position += 1
            position = self.position
        return {
            "position": position,
            "sessionId": bare(session),
            "epoch": epoch,
            "at": 0.0,
            "told": msgspec.to_builtins(told),
        }

    async def try_to_ship(self, *events: dict[str, Any], spool: str = "") -> httpx.Response:
        body = {"spool": spool or self.spool, "events": list(events)}
        return await self.call("POST", "/events", json=body)

    async def ship(self, *events: dict[str, Any], spool: str = "") -> int:
        answer = await self.try_to_ship(*events, spool=spool)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["position"])

    async def tell(self, session: str, epoch: int, *told: words.Told) -> int:
        return await self.ship(*(self.event(session, epoch, one) for one in told))


class Fleet:
    """A replica on a database of its own, so that its workers are the only ones."""

    def __init__(self, replica: Replica) -> None:
        self.replica = replica
        self.people = People(replica)

    async def worker(self, worker_id: str = "", **changes: Any) -> FleetWorker:
        worker = FleetWorker(self.replica, worker_id)
        await worker.register(**changes)
        return worker

    async def owner(self, sessions: int = 20) -> Person:
        person = await self.people()
        limits = {"sessions": sessions, "requestsPerMinute": 100_000}
        await self.people.change(person, limit_overrides=limits)
        return person

    async def session(self, person: Person, name: str = "shop", **body: Any) -> str:
        answer = await person.call("POST", "/v1/sessions", json={"name": name, **body})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def running(self, person: Person, name: str = "shop", **body: Any) -> str:
        """Made and connected to whichever worker there is."""
        session = await self.session(person, name, **body)
        answer = await connect(person, session)
        assert answer.status_code == 202, answer.text
        return session

    async def row(self, session: str) -> Session:
        async with self.replica.parts.database.system(SystemSite.SUPERVISION) as db:
            found = await db.scalar(select(Session).where(Session.id == uuid.UUID(bare(session))))
            assert found is not None
            db.expunge(found)
            return found

    async def worker_row(self, worker_id: str) -> Worker:
        async with self.replica.parts.database.system(SystemSite.SUPERVISION) as db:
            found = await db.scalar(select(Worker).where(Worker.id == worker_id))
            assert found is not None
            db.expunge(found)
            return found

    async def take_over(self, worker: FleetWorker, *, proven: bool = True) -> int:
        async with self.replica.parts.database.system(SystemSite.SUPERVISION) as db:
            return await take_over(db, worker.id, worker.incarnation, "a test says so", proven=proven)


def bare(session: str) -> str:
    return session.removeprefix("ses-")


async def connect(person: Person, session: str, **body: Any) -> httpx.Response:
    return await person.call("POST", f"/v1/sessions/{session}/connect", json={"wait": 0, **body})


async def shown(person: Person, session: str) -> tuple[str, str]:
    found = (await person.call("GET", f"/v1/sessions/{session}")).json()
    return found["status"], found["statusReason"]


async def messages(person: Person, session: str) -> list[dict[str, Any]]:
    """The newest first."""
    answer = await person.call("GET", f"/v1/sessions/{session}/messages?limit=200")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def state(session: str, epoch: int, status: str, reason: str | None = None) -> dict[str, Any]:
    return {"id": bare(session), "epoch": epoch, "status": status, "reason": reason}


def seen(status: SessionState, reason: Reason, then: words.Then = words.Then.GO_ON) -> words.StateSeen:
    return words.StateSeen(meaning=words.Meaning(status, reason, then))


CONNECTED = seen(SessionState.CONNECTED, Reason.LOGGED_IN)
REPLACED = seen(SessionState.DISCONNECTED, Reason.REPLACED, words.Then.STOP)


def qr(code: str = "2@code", number: int = 1, seconds: int = 60) -> words.QrShown:
    return words.QrShown(code=code, number=number, seconds=seconds)


def text(body: str, whatsapp_id: str = "", **changes: Any) -> words.MessageReceived:
    return words.MessageReceived(message=received(body, whatsapp_id, **changes))


def received(body: str, whatsapp_id: str = "", **changes: Any) -> ReceivedMessage:
    fields: dict[str, Any] = {
        "whatsapp_id": whatsapp_id or secrets.token_hex(8).upper(),
        "chat": PEER,
        "sender": PEER,
        "from_me": False,
        "timestamp": 1_760_000_000,
        "content": Text(text=body),
    }
    return ReceivedMessage(**{**fields, **changes})
