"""Texts by the REST API: what it gives a second, and what each of them costs."""

from collections.abc import Sequence

from deploy.local.errors import LaunchError
from tests.bench.engine_load import TEXT
from tests.bench.fleet_network import Phones
from tests.bench.fleet_people import Pair
from tests.bench.fleet_servers import FleetServers
from tests.bench.http_load import Job
from tests.bench.idleness import Idleness
from tests.bench.plan import Plan
from tests.bench.send_meter import Meter, of_each
from tests.bench.stand import Stand
from tests.bench.tables import Figures

_ASYNC = "Prefer: respond-async"


class Way:
    def __init__(self, stand: Stand, servers: FleetServers, network: Phones, meter: Meter, key: str) -> None:
        self._stand = stand
        self._servers = servers
        self._network = network
        self._meter = meter
        self._key = key
        self._position = 0

    async def send(self, pairs: Sequence[Pair], callers: int, plan: Plan) -> Figures:
        """So many callers for each session, and each of them waits for WhatsApp's acknowledgement."""
        *_, self._position = await self._network.accepted(self._position)
        figures = await self._load(pairs, callers * len(pairs), plan.seconds * 2, plan.seconds, 201)
        accepted, different, _ = await self._network.accepted(self._position)
        answered = figures["messages"] or 0
        if not accepted == different == answered:
            words = (
                f"{answered:.0f} were answered as sent, the network had {accepted}, {different} of them once."
            )
            raise LaunchError("Messages were lost, or sent twice:", words)
        return figures

    async def accept(self, pairs: Sequence[Pair], callers: int, plan: Plan) -> Figures:
        """None of them waits for more than the place in the queue."""
        *_, self._position = await self._network.accepted(self._position)
        figures = await self._load(pairs, callers, plan.seconds, plan.warm_up_seconds, 202, _ASYNC)
        sent, *_ = await self._network.accepted(self._position)
        return {**figures, "sent": sent / (plan.seconds + plan.warm_up_seconds)}

    async def _load(
        self,
        pairs: Sequence[Pair],
        connections: int,
        seconds: float,
        warm_up_seconds: float,
        status: int,
        *more: str,
    ) -> Figures:
        job = Job(
            port=self._servers.port,
            connections=connections,
            seconds=seconds,
            warm_up_seconds=warm_up_seconds,
            requests=[self._post(pair, *more) for pair in pairs],
            expected_status=status,
            server_pid=self._servers.pid("api"),
        )
        before, idleness = await self._meter.read(), Idleness()
        result = self._stand.load(job)
        idle, after = idleness.per_cent(), await self._meter.read()
        messages = after.pop("outbound") - before.pop("outbound")
        costs, load = of_each(before, after, messages), result.own_processor_seconds / result.requests * 1000
        per_second = result.requests / result.seconds
        return {
            "per_second": per_second,
            "p50_ms": result.p50_ms,
            "p99_ms": result.p99_ms,
            "messages": messages,
            "load": load,
            "idle": idle,
            "cores": (costs["all"] + load) * per_second / 1000,
            **costs,
        }

    def _post(self, pair: Pair, *more: str) -> str:
        body = f'{{"to": "+{pair.person}", "text": "{TEXT}"}}'
        lines = [
            f"POST /v1/sessions/{pair.session}/messages HTTP/1.1",
            "Host: waypost.example",
            f"Authorization: Bearer {self._key}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *more,
        ]
        return "\r\n".join([*lines, "", body])
