"""Where the control API listens: on this machine only."""

import logging
from types import TracebackType
from typing import Self

from aiohttp import web

from worker.sandbox.control import clock, faults, groups, health, inboxes, journal, messages, phones
from worker.sandbox.control.bodies import LARGEST_BODY
from worker.sandbox.control.problems import as_problems
from worker.sandbox.control.subjects import NETWORK
from worker.sandbox.control.token import demand
from worker.sandbox.network import Network

_HOST = "127.0.0.1"
# Whoever waits for news when the emulator ends gets no answer.
_PARTING_SECONDS = 0.2
# The server's own lines repeat what callers sent, phone numbers included; what fails inside we log ourselves.
_NOBODY = logging.Logger("nobody", logging.CRITICAL + 1)  # noqa: LOG001 (one that no handler hears)


class ControlServer:
    """`async with ControlServer(network, token, port) as control`: port 0 is any free one."""

    def __init__(self, network: Network, token: str, port: int = 0) -> None:
        app = web.Application(middlewares=[as_problems, demand(token)], client_max_size=LARGEST_BODY)
        app[NETWORK] = network
        for family in (health, phones, messages, inboxes, groups, faults, journal, clock):
            app.add_routes(family.ROUTES)
        self._runner = web.AppRunner(
            app, access_log=None, logger=_NOBODY, handle_signals=False, shutdown_timeout=_PARTING_SECONDS
        )
        self.port = port

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, _HOST, self.port).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://{_HOST}:{self.port}"
