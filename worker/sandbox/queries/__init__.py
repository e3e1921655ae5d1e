"""Answers to what clients ask the network, one file for each family of questions."""

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from worker.sandbox import stanzas
from worker.sandbox.connection import Connection
from worker.sandbox.queries import groups, link_codes, media_conn, passive, prekeys, privacy, unlinking, usync
from worker.sandbox.wire.nodes import Node

if TYPE_CHECKING:
    from worker.sandbox.network import Network

log = logging.getLogger(__name__)

Answer = Callable[["Network", Connection, Node], Node]

# By namespace and first child: the child decides what the type, get or set, only repeats.
_ANSWERS: Mapping[tuple[str, str], Answer] = {
    ("encrypt", "count"): prekeys.count,
    ("encrypt", "key"): prekeys.fetch,
    ("encrypt", "registration"): prekeys.upload,
    ("md", "link_code_companion_reg"): link_codes.stage,
    ("md", "remove-companion-device"): unlinking.remove_companion,
    ("passive", "active"): passive.nothing_to_say,
    ("passive", "passive"): passive.nothing_to_say,
    ("privacy", "privacy"): privacy.settings,
    ("privacy", "tokens"): passive.nothing_to_say,
    ("usync", "usync"): usync.look_up,
    ("w:g2", "add"): groups.change_members,
    ("w:g2", "create"): groups.create,
    ("w:g2", "demote"): groups.change_members,
    ("w:g2", "leave"): groups.leave,
    ("w:g2", "participating"): groups.participating,
    ("w:g2", "promote"): groups.change_members,
    ("w:g2", "query"): groups.show,
    ("w:g2", "remove"): groups.change_members,
    ("w:g2", "subject"): groups.rename,
    ("w:m", "media_conn"): media_conn.hosts,
    ("w:p", ""): passive.nothing_to_say,
    ("w:p", "ping"): passive.nothing_to_say,
}
_BEFORE_LOGIN = frozenset({("md", "link_code_companion_reg"), ("w:p", ""), ("w:p", "ping")})


def answer(network: "Network", connection: Connection, query: Node) -> Node:
    family = (query.text("xmlns"), query.children[0].tag if query.children else "")
    known = _ANSWERS.get(family)
    if known is None or (connection.device is None and family not in _BEFORE_LOGIN):
        log.info("sandbox_query_unknown: %s", family)
        return stanzas.refused(query, 501, "feature-not-implemented")
    return known(network, connection, query)
