"""The filters of a history as callers write them, for everything that reads one."""

from typing import Annotated

from litestar.params import QueryParameter

from control_plane.http.window import moment_of
from control_plane.messages.chat_ids import parse_any_chat_id
from control_plane.messages.repository import Filters

Chat = Annotated[str, QueryParameter(name="chat", max_length=100, description="Only of this chat")]
Kind = Annotated[str, QueryParameter(name="type", max_length=30, description="Only of this type")]
Status = Annotated[str, QueryParameter(name="status", max_length=30, description="Only in this state")]
Words = Annotated[
    str,
    QueryParameter(name="q", max_length=200, description='Words of its text; "…" for a phrase, - for none'),
]
Direction = Annotated[str, QueryParameter(name="direction", pattern="^(inbound|outbound|)$")]


def filters_of(
    *, chat: str, direction: str, kind: str, status: str, since: str, until: str, words: str
) -> Filters:
    return Filters(
        chat=parse_any_chat_id(chat, "/chat") if chat else "",
        direction=direction,
        kind=kind,
        status=status,
        since=moment_of("since", since) if since else None,
        until=moment_of("until", until) if until else None,
        words=words,
    )
