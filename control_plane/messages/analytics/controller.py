"""How sessions do, over REST: one of them over a time, and all of them now."""

from datetime import UTC, datetime, timedelta
from typing import Any

from litestar import Controller, Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.http.principal import Access, KeyMode, Principal, Scope, scoped
from control_plane.http.window import Since, Until, window_of
from control_plane.messages.analytics.schemas import AnalyticsView, MetricsView
from control_plane.messages.analytics.sessions import SessionAnalytics
from control_plane.sessions.service import Sessions

UserRequest = Request[Principal, Access, Any]
_USUAL, _LONGEST = timedelta(days=30), timedelta(days=366)


class SessionAnalyticsController(Controller):
    path = "/v1/sessions"
    tags = ["Sessions"]
    opt = scoped(Scope.SESSIONS_READ)

    @get("/metrics", summary="Figures of all of one's sessions, of the last day and of now")
    async def metrics(self, request: UserRequest, db: NamedDependency[AsyncSession]) -> MetricsView:
        only_sandbox = request.user.key_mode is KeyMode.TEST
        return await SessionAnalytics(db).metrics(datetime.now(UTC), only_sandbox=only_sandbox)

    @get("/{session_id:str}/analytics", summary="Its times, uptime, throughput and health over a window")
    async def analytics(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        db: NamedDependency[AsyncSession],
        sessions: NamedDependency[Sessions],
        since: Since = "",
        until: Until = "",
    ) -> AnalyticsView:
        now = datetime.now(UTC)
        session = await sessions.session(request.user, session_id)
        window = window_of(since, until, now, usual=_USUAL, longest=_LONGEST)
        return await SessionAnalytics(db).of(session, window, now)
