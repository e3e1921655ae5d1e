"""Whom and what a call is about, found by the names in its path; 404 for all that there is not."""

from aiohttp import web

from worker.sandbox.accounts import Account
from worker.sandbox.control.problems import not_found
from worker.sandbox.correspondence import Received
from worker.sandbox.devices import DeviceName
from worker.sandbox.groups import Group
from worker.sandbox.network import Network
from worker.sandbox.pairings import PairingError, Registration
from worker.sandbox.phone_linking import code_parts
from worker.sandbox.phones import Phone
from worker.sandbox.wire.jids import GROUP

NETWORK: web.AppKey[Network] = web.AppKey("network", Network)


def network_of(request: web.Request) -> Network:
    return request.app[NETWORK]


def phone_of(request: web.Request) -> Phone:
    return phone(network_of(request), request.match_info["number"])


def phone(network: Network, number: str) -> Phone:
    return network.phone(account(network, number).number)


def account(network: Network, number: str) -> Account:
    found = network.accounts.of_number(number)
    if found is None:
        raise not_found("Nobody has this number. Open an account for it by POST /phones.")
    return found


def device_of(request: web.Request) -> DeviceName:
    number, device = request.match_info["number"], request.match_info["device"]
    name = DeviceName(
        number, int(device) if device.isascii() and device.isdecimal() and len(device) < 6 else 0
    )
    if network_of(request).devices.find(name) is None:
        raise not_found("There is no such companion. GET /phones/{number} names those of a phone.")
    return name


def pairing_of(network: Network, code: str) -> Registration:
    try:
        return network.pairings.of_code(code_parts(code)[0])
    except PairingError:
        raise not_found("Nobody shows this code any more. Take the one that the client shows now.") from None


def group_of(network: Network, group_id: str) -> Group:
    """By the id with the address that groups have, or without."""
    found = network.groups.find_text(group_id if "@" in group_id else f"{group_id}@{GROUP}")
    if found is None:
        raise not_found("There is no such group. POST /groups makes one.")
    return found


def chat_of(network: Network, to: str) -> Account | Group:
    return group_of(network, to) if "@" in to else account(network, to)


def received(phone: Phone, message_id: str) -> Received:
    for message in phone.inbox:
        if message.message_id == message_id:
            return message
    raise not_found("This phone has received no such message, or so long ago that it has forgotten it.")
