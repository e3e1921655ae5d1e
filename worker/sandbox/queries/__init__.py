"""Answers to what clients ask the network, one file for each family of questions."""

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from worker.sandbox import stanzas
from worker.sandbox.connection import Connection
from worker.sandbox.queries import (
    app_state,
    contact_links,
    graph,
    group_settings,
    groups,
    link_codes,
    media_conn,
    passive,
    prekeys,
    profiles,
    unlinking,
    usync,
)
from worker.sandbox.wire.nodes import Node

if TYPE_CHECKING:
    from worker.sandbox.network import Network

log = logging.getLogger(__name__)

Answer = Callable[["Network", Connection, Node], Node]

# By namespace and first child: the child decides what the type, get or set, only repeats.
_ANSWERS: Mapping[tuple[str, str], Answer] = {
    ("blocklist", ""): profiles.blocklist,
    ("blocklist", "item"): profiles.blocklist,
    ("disappearing_mode", "disappearing_mode"): passive.nothing_to_say,
    ("encrypt", "count"): prekeys.count,
    ("encrypt", "key"): prekeys.fetch,
    ("encrypt", "registration"): prekeys.upload,
    ("md", "link_code_companion_reg"): link_codes.stage,
    ("md", "remove-companion-device"): unlinking.remove_companion,
    ("passive", "active"): passive.active,
    ("passive", "passive"): passive.nothing_to_say,
    ("privacy", "privacy"): profiles.privacy,
    ("privacy", "tokens"): passive.nothing_to_say,
    ("status", "privacy"): profiles.who_sees_status,
    ("urn:xmpp:whatsapp:dirty", "clean"): passive.nothing_to_say,
    ("usync", "usync"): usync.look_up,
    ("w:biz", "business_profile"): profiles.no_business,
    ("w:g2", "add"): groups.change_members,
    ("w:g2", "announcement"): group_settings.set_switch,
    ("w:g2", "create"): groups.create,
    ("w:g2", "demote"): groups.change_members,
    ("w:g2", "description"): group_settings.describe,
    ("w:g2", "ephemeral"): group_settings.set_switch,
    ("w:g2", "invite"): group_settings.invite,
    ("w:g2", "leave"): groups.leave,
    ("w:g2", "linked_groups_participants"): group_settings.nobody,
    ("w:g2", "locked"): group_settings.set_switch,
    ("w:g2", "membership_approval_requests"): group_settings.nobody,
    ("w:g2", "not_announcement"): group_settings.set_switch,
    ("w:g2", "not_ephemeral"): group_settings.set_switch,
    ("w:g2", "participating"): groups.participating,
    ("w:g2", "promote"): groups.change_members,
    ("w:g2", "query"): groups.show,
    ("w:g2", "remove"): groups.change_members,
    ("w:g2", "sub_groups"): group_settings.nobody,
    ("w:g2", "subject"): group_settings.rename,
    ("w:g2", "unlocked"): group_settings.set_switch,
    ("w:m", "media_conn"): media_conn.hosts,
    ("w:mex", "query"): graph.answer,
    ("w:p", ""): passive.nothing_to_say,
    ("w:p", "ping"): passive.nothing_to_say,
    ("w:profile:picture", ""): profiles.picture,
    ("w:profile:picture", "picture"): profiles.picture,
    ("w:qr", "qr"): contact_links.answer,
    ("w:sync:app:state", "sync"): app_state.sync,
}
_BEFORE_LOGIN = frozenset({("md", "link_code_companion_reg"), ("w:p", ""), ("w:p", "ping")})


def answer(network: "Network", connection: Connection, query: Node) -> Node:
    family = (query.text("xmlns"), query.children[0].tag if query.children else "")
    known = _ANSWERS.get(family)
    if known is None or (connection.device is None and family not in _BEFORE_LOGIN):
        log.info("sandbox_query_unknown: %s", family)
        return stanzas.refused(query, 501, "feature-not-implemented")
    return known(network, connection, query)
