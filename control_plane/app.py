"""The composition root: the only module that knows all others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog
from litestar import Litestar, Router
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.middleware import DefineMiddleware
from litestar.types import ASGIApp

from control_plane.accounts.api_key_controller import ApiKeyController
from control_plane.accounts.controller import AccountController
from control_plane.accounts.credentials import Credentials
from control_plane.accounts.sign_in_controller import SIGN_IN_CONTROLLERS
from control_plane.admin.controller import AdminUserController
from control_plane.dashboard.pages import style
from control_plane.dashboard.password_reset import PasswordResetPage
from control_plane.events.controller import EventController
from control_plane.events.live_controller import LiveController
from control_plane.events.places import Places
from control_plane.events.reader import EventSource
from control_plane.events.tickets import Tickets
from control_plane.http import openapi
from control_plane.http.documentation import DocumentationController
from control_plane.http.pagination import Cursors
from control_plane.http.pipeline import Pipeline
from control_plane.http.problems import render
from control_plane.http.request_context import RequestContext
from control_plane.http.transactions import provide_tenant_session
from control_plane.messages.analytics.controller import SessionAnalyticsController
from control_plane.messages.answering import Answering
from control_plane.messages.asking import Asking
from control_plane.messages.bodies import SendBody, SendBodySchema, decode_send_body
from control_plane.messages.broadcasts.controller import BroadcastController
from control_plane.messages.broadcasts.opt_out_controller import OptOutController
from control_plane.messages.broadcasts.service import Broadcasts
from control_plane.messages.chat_controller import ChatController
from control_plane.messages.contacts.acquaintance import Acquaintance
from control_plane.messages.contacts.controller import ContactController
from control_plane.messages.controller import MessageController
from control_plane.messages.detail_controller import DetailController
from control_plane.messages.files.asked import AskedFiles
from control_plane.messages.files.controller import MediaController
from control_plane.messages.files.media import MediaLinks
from control_plane.messages.files.outgoing import OutgoingFiles
from control_plane.messages.history.erasure_controller import ErasureController
from control_plane.messages.history.export_controller import ExportController
from control_plane.messages.pace import Pace, PaceKeeper
from control_plane.messages.queue.controller import QueueController
from control_plane.messages.queue.owner import Queue
from control_plane.messages.reading import Reading
from control_plane.messages.sending import Sending
from control_plane.observability.controller import HealthController
from control_plane.parts import Parts, assemble
from control_plane.sandbox.controller import SandboxController
from control_plane.sessions.controller import SessionController
from control_plane.sessions.service import provide_sessions
from control_plane.settings import Settings
from control_plane.supervision.fleet_controller import (
    FleetController,
    JoinTokenController,
    SessionMoveController,
)
from control_plane.supervision.wish_controller import WishController
from control_plane.supervision.worker_controller import RegistrationController, WorkerCallController
from control_plane.webhooks.controller import WebhookController
from control_plane.webhooks.deliveries import provide_deliveries
from control_plane.webhooks.delivery_controller import DeliveryController
from control_plane.webhooks.description import described_webhooks
from control_plane.webhooks.service import provide_webhooks
from shared.version import VERSION

log = structlog.get_logger(__name__)

_FLUSH_SECONDS = 5.0


def create_app(settings: Settings) -> ASGIApp:
    parts = assemble(settings)
    return RequestContext(litestar_app(parts), parts.registry, settings.trusted_proxies)


def litestar_app(parts: Parts) -> Litestar:
    settings = parts.settings
    return Litestar(
        route_handlers=[
            HealthController,
            DocumentationController,
            *SIGN_IN_CONTROLLERS,
            AccountController,
            ApiKeyController,
            AdminUserController,
            EventController,
            LiveController,
            WebhookController,
            DeliveryController,
            # Both have methods of /v1/sessions/{id}; the framework merges those within a router alone.
            Router(path="/", route_handlers=[SessionController, WishController]),
            SessionAnalyticsController,
            # As above, with the methods of /v1/sessions/{id}/messages.
            Router(path="/", route_handlers=[MessageController, ErasureController]),
            ExportController,
            QueueController,
            BroadcastController,
            OptOutController,
            ChatController,
            ContactController,
            MediaController,
            DetailController,
            SandboxController,
            JoinTokenController,
            SessionMoveController,
            RegistrationController,
            # And so with /events of a worker.
            Router(path="/", route_handlers=[FleetController, WorkerCallController]),
            PasswordResetPage,
            style,
        ],
        dependencies={
            "db": Provide(provide_tenant_session),
            "sessions": Provide(provide_sessions),
            "webhooks": Provide(provide_webhooks),
            "deliveries": Provide(provide_deliveries),
            **{name: _constant(part) for name, part in _injected(parts).items()},
        },
        middleware=[
            DefineMiddleware(
                Pipeline,
                settings=settings,
                database=parts.database,
                authenticator=parts.credentials,
                limiter=parts.limiter,
            )
        ],
        type_decoders=[(lambda kind: kind is SendBody, decode_send_body)],
        plugins=[SendBodySchema()],
        exception_handlers={Exception: render, HTTPException: render},
        lifespan=[_lifespan(parts)],
        # For guards, which get no dependencies.
        state=State({"worker_tokens": parts.worker_tokens}),
        cors_config=_cors(settings),
        # The page and the document are served by our own controller.
        openapi_config=openapi.configuration(VERSION, described_webhooks()),
        request_max_body_size=settings.max_body_bytes,
        # Our middleware logs each failure once, redacted and with its request id.
        logging_config=None,
        debug=False,
    )


def _injected(parts: Parts) -> dict[str, Any]:
    links = MediaLinks(parts.keyring)
    settings = parts.settings
    pace = Pace(settings.recipient_messages_per_minute, settings.session_messages_per_minute)
    asking = Asking(parts.database, parts.keyring, parts.handing_over)
    return {
        "settings": parts.settings,
        "database": parts.database,
        "keyring": parts.keyring,
        "hasher": parts.hasher,
        "registry": parts.registry,
        "sign_in": parts.sign_in,
        "health": parts.health,
        "periodic_work": parts.periodic_work,
        "fleet_figures": parts.fleet_figures,
        "fleet_counters": parts.fleet_counters,
        "cursors": Cursors(parts.keyring),
        "redis": parts.redis,
        "worker_tokens": parts.worker_tokens,
        "worker_client": parts.worker_client,
        "nudges": parts.nudges,
        "probes": parts.probes,
        "emulator": parts.emulator,
        "sending": Sending(
            parts.database,
            parts.keyring,
            parts.outboxes,
            PaceKeeper(parts.limiter, pace),
            settings.send_wait_seconds,
        ),
        "queue": Queue(parts.database, parts.keyring),
        "broadcasts": Broadcasts(parts.database, parts.keyring, settings.broadcast_messages_per_minute),
        "asking": asking,
        "acquaintance": Acquaintance(parts.database),
        "links": links,
        "outgoing_files": OutgoingFiles(parts.database, parts.keyring, parts.storage, parts.egress),
        "answering": Answering(parts.redis, links),
        "storage": parts.storage,
        "reading": Reading(parts.database, parts.keyring, asking),
        "asked_files": AskedFiles(parts.database, parts.keyring, asking),
        "event_source": EventSource(parts.database, Places(parts.keyring), parts.tail, parts.credentials),
        "egress": parts.egress,
        "event_tickets": Tickets(parts.redis, parts.keyring),
    }


def _constant(part: object) -> Provide:
    return Provide(lambda: part, sync_to_thread=False)


def _cors(settings: Settings) -> CORSConfig | None:
    if not settings.cors_origins:
        return None
    return CORSConfig(
        allow_origins=list(settings.cors_origins),
        allow_headers=["authorization", "content-type", "idempotency-key", "prefer", "last-event-id"],
        expose_headers=["ratelimit", "ratelimit-policy", "retry-after", "x-request-id", "location"],
        max_age=600,
    )


def _lifespan(parts: Parts) -> Any:
    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        await parts.feed.start()
        parts.tail.start()
        await parts.nudges.start()
        await parts.replica_beat.start()
        flusher = asyncio.create_task(_flush_used_keys(parts.credentials), name="last-used")
        try:
            yield
        finally:
            await parts.outboxes.stop()
            for part in (parts.nudges, parts.probes, parts.replica_beat):
                await part.stop()
            await parts.tail.stop()
            flusher.cancel()
            with suppress(asyncio.CancelledError):
                await flusher
            await parts.feed.stop()
            with suppress(Exception):
                await parts.credentials.flush_used_keys()
            await parts.close()

    return lifespan


async def _flush_used_keys(credentials: Credentials) -> None:
    while True:
        await asyncio.sleep(_FLUSH_SECONDS)
        try:
            await credentials.flush_used_keys()
        except Exception as error:
            # The time of last use is a comfort; the next request of the key notes it again.
            log.warning("last_used_not_written", error=type(error).__name__)
