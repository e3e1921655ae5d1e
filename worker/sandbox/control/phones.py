"""Phones: opening accounts, linking companions, and what a phone does by itself."""

from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType

from worker.sandbox.accounts import Account
from worker.sandbox.control.answers import answer
from worker.sandbox.control.bodies import Body, Limit, Number, read_body, read_query
from worker.sandbox.control.problems import Problem, invalid
from worker.sandbox.control.subjects import network_of, phone_of
from worker.sandbox.network import Network
from worker.sandbox.pairings import PairingError
from worker.sandbox.phones import Phone

Name = Annotated[str, msgspec.Meta(max_length=100)]
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=65_536)]
Code = Annotated[str, msgspec.Meta(max_length=2000)]


class NewPhone(Body, frozen=True, kw_only=True):
    number: Number | None = None
    name: Name = ""


class Listing(Body, frozen=True, kw_only=True):
    limit: Limit = 100


class Scan(Body, frozen=True, kw_only=True):
    code: Code | None = None
    pairing_code: Code | None = None


class Change(Body, frozen=True, kw_only=True):
    name: Annotated[Name, msgspec.Meta(min_length=1)] | UnsetType = UNSET
    sends_receipts: bool | UnsetType = UNSET
    reads_at_once: bool | UnsetType = UNSET
    answers_with: Words | UnsetType | None = UNSET


async def open_account(request: web.Request) -> web.Response:
    wanted, network = await read_body(request, NewPhone), network_of(request)
    if wanted.number and network.accounts.of_number(wanted.number):
        raise Problem(409, "number_taken", "This number has an account already; leave it out to get another.")
    phone = await network.new_phone(wanted.number, wanted.name)
    return answer(_account(phone.account), 201)


async def list_phones(request: web.Request) -> web.Response:
    limit = read_query(request, Listing).limit
    return answer({"items": [_account(account) for account in network_of(request).accounts.first(limit)]})


async def show(request: web.Request) -> web.Response:
    return answer(_phone(network_of(request), phone_of(request)))


async def change(request: web.Request) -> web.Response:
    phone, wanted = phone_of(request), await read_body(request, Change)
    if wanted.name:
        phone.set_name(wanted.name)
    told = {
        name: value
        for name in ("sends_receipts", "reads_at_once", "answers_with")
        if (value := getattr(wanted, name)) is not UNSET
    }
    phone.habits = msgspec.structs.replace(phone.habits, **told)
    return answer(_phone(network_of(request), phone))


async def scan(request: web.Request) -> web.Response:
    phone, body = phone_of(request), await read_body(request, Scan)
    if (body.code is None) == (body.pairing_code is None):
        raise invalid("code", "Send either code, the text of a QR, or pairingCode, the letters to type.")
    try:
        if body.code is not None:
            device = await phone.scan(body.code)
        else:
            device = await phone.enter_pairing_code(body.pairing_code or "")
    except PairingError as error:
        raise Problem(409, "pairing_refused", f"{error}.") from error
    except TimeoutError as error:
        raise Problem(409, "pairing_refused", "The client did not answer in time.") from error
    return answer({"number": phone.number, "device": device.name.device})


def _account(account: Account) -> dict[str, object]:
    return {"number": account.number, "lid": account.lid, "name": account.name}


def _phone(network: Network, phone: Phone) -> dict[str, object]:
    habits = phone.habits
    return {
        **_account(phone.account),
        "sendsReceipts": habits.sends_receipts,
        "readsAtOnce": habits.reads_at_once,
        "answersWith": habits.answers_with,
        "companions": [
            {"device": companion.name.device, "connected": companion.name in network.online}
            for companion in phone.companions
        ],
    }


ROUTES = [
    web.post("/phones", open_account),
    web.get("/phones", list_phones),
    web.get("/phones/{number}", show),
    web.patch("/phones/{number}", change),
    web.post("/phones/{number}/scan", scan),
]
