"""The whole history of a session as a file."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from litestar import Controller, Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from control_plane.db.engine import Database
from control_plane.http.principal import Access, Principal, Scope, scoped
from control_plane.http.window import Since, Until
from control_plane.messages.files.media import MediaLinks
from control_plane.messages.history.export import Export
from control_plane.messages.history.filtering import Chat, Direction, Kind, Status, Words, filters_of
from control_plane.sessions.service import Sessions

UserRequest = Request[Principal, Access, Any]


class Format(StrEnum):
    JSONL = "jsonl"
    CSV = "csv"


Wanted = Annotated[
    Format | None,
    QueryParameter(name="format", description="jsonl or csv; without it, what Accept says, or jsonl"),
]
_MEDIA_TYPES: Mapping[Format, str] = {
    Format.JSONL: "application/x-ndjson",
    Format.CSV: "text/csv; charset=utf-8",
}


class ExportController(Controller):
    tags = ["Messages"]
    opt = scoped(Scope.MESSAGES_READ)

    @get(
        "/v1/sessions/{session_id:str}/messages/export",
        summary="All of them as a file, the newest first",
        description="JSON with a line for each message, or CSV. The links to files are good for an hour.",
    )
    async def export(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        sessions: NamedDependency[Sessions],
        database: NamedDependency[Database],
        links: NamedDependency[MediaLinks],
        wanted: Wanted = None,
        chat: Chat = "",
        direction: Direction = "",
        kind: Kind = "",
        status: Status = "",
        since: Since = "",
        until: Until = "",
        words: Words = "",
    ) -> Stream:
        session = await sessions.session(request.user, session_id)
        filters = filters_of(
            chat=chat,
            direction=direction,
            kind=kind,
            status=status,
            since=since,
            until=until,
            words=words,
        )
        chosen = wanted or _accepted(request.headers.get("accept", ""))
        export = Export(database, links, request.user.user_id, session.id, filters)
        return Stream(
            export.csv() if chosen is Format.CSV else export.lines(),
            media_type=_MEDIA_TYPES[chosen],
            headers={
                "Content-Disposition": f'attachment; filename="messages-{session.name}.{chosen}"',
                "Cache-Control": "no-store",
                "X-Content-Type-Options": "nosniff",
                "Vary": "Accept",
            },
        )


def _accepted(accept: str) -> Format:
    return Format.CSV if "text/csv" in accept.lower() else Format.JSONL
