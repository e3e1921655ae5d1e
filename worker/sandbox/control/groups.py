"""Groups, as a phone makes them."""

from typing import Annotated

import msgspec
from aiohttp import web

from worker.sandbox.control.answers import answer, moment
from worker.sandbox.control.bodies import Body, Number, read_body
from worker.sandbox.control.subjects import group_of, network_of, phone


class NewGroup(Body, frozen=True, kw_only=True):
    creator: Number
    subject: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    # The first message into a group is sealed for each of them apart, while the network waits.
    members: Annotated[list[Number], msgspec.Meta(max_length=255)]


async def make(request: web.Request) -> web.Response:
    wanted, network = await read_body(request, NewGroup), network_of(request)
    creator, *others = (phone(network, number) for number in (wanted.creator, *dict.fromkeys(wanted.members)))
    group = await creator.new_group(wanted.subject, *others)
    return answer({"groupId": str(group.jid)}, 201)


async def show(request: web.Request) -> web.Response:
    group = group_of(network_of(request), request.match_info["group"])
    return answer(
        {
            "groupId": str(group.jid),
            "subject": group.subject,
            "creator": group.creator,
            "createdAt": moment(group.created),
            "members": [{"number": number, "admin": admin} for number, admin in group.members.items()],
        }
    )


ROUTES = [web.post("/groups", make), web.get("/groups/{group}", show)]
