"""Which phone numbers have an account."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from worker.whatsapp import library
from worker.whatsapp.incoming import fields
from worker.whatsapp.jids import USER_SERVER, format_jid, lid_of, phone_of
from worker.whatsapp.library_errors import words_of
from worker.whatsapp.port import NumberFound

# One call of the library.
Ask = Callable[[Callable[[Any], Awaitable[Any]]], Awaitable[Any]]

_PHONE = re.compile(r"\+?([1-9]\d{5,14})")
MOST_NUMBERS = 500


def parse_phone(phone: str) -> str:
    """Its digits. The library joins numbers with blanks, and asks for whatever stands between them."""
    form = _PHONE.fullmatch(phone)
    if form is None:
        raise ValueError("a phone number is written in international form: +, then 6 to 15 digits")
    return form[1]


def check_phones(phones: tuple[str, ...]) -> Mapping[str, str]:
    """Each as it was asked for, and its digits."""
    if len(phones) > MOST_NUMBERS:
        raise ValueError(f"at most {MOST_NUMBERS} numbers can be looked for at once")
    return {phone: parse_phone(phone) for phone in phones}


async def find(phones: tuple[str, ...], ask: Ask) -> tuple[NumberFound, ...]:
    asked = check_phones(phones)
    if not asked:
        return ()
    people = await ask(lambda client: _people(client, tuple(asked.values())))
    names = {digits: await _both_names(jid, ask) for digits, jid in people.items()}
    if any(len(both) < 2 for both in names.values()):
        # This brings the missing names into the library's store, and tells none of them.
        await ask(lambda client: client.get_user_info(*people.values()))
        names = {digits: await _both_names(jid, ask) for digits, jid in people.items()}
    return tuple(_number_found(phone, names.get(digits, ())) for phone, digits in asked.items())


async def _people(client: Any, numbers: tuple[str, ...]) -> Mapping[str, Any]:
    """The address of each number that was found."""
    try:
        answers = await client.is_on_whatsapp(*(f"+{digits}" for digits in dict.fromkeys(numbers)))
    except library.NeonizeError as error:
        # Nobody was found, which the library takes for an error.
        if "returned nothing" in words_of(error):
            return {}
        raise
    return {
        fields.words(answer.Query).removeprefix("+"): answer.JID
        for answer in answers
        if answer.IsIn and answer.JID.User
    }


async def _both_names(jid: Any, ask: Ask) -> tuple[str, ...]:
    """Everybody has two on the network; as many as the library knows."""
    if jid.Server == USER_SERVER:
        other = await ask(lambda client: client.get_lid_from_pn(jid))
    else:
        other = await ask(lambda client: client.get_pn_from_lid(jid))
    return tuple(format_jid(name) for name in (jid, other) if name.User)


def _number_found(phone: str, names: tuple[str, ...]) -> NumberFound:
    return NumberFound(
        phone=phone,
        exists=bool(names),
        jid=next((name for name in names if phone_of(name)), ""),
        lid=next(filter(None, map(lid_of, names)), ""),
    )
