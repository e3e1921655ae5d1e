"""What a phone is told to say."""

import asyncio

from aiohttp import web

from worker.sandbox import message_forms
from worker.sandbox.accounts import Account
from worker.sandbox.control.answers import answer
from worker.sandbox.control.bodies import read_body
from worker.sandbox.control.file_forms import FileForm
from worker.sandbox.control.message_forms import AnyForm, UnreadableForm, VoteForm, WithheldForm
from worker.sandbox.control.problems import Problem, invalid
from worker.sandbox.control.subjects import chat_of, network_of, phone_of, received
from worker.sandbox.control.writing import Desk
from worker.sandbox.groups import Group
from worker.sandbox.message_kinds import Outgoing
from worker.sandbox.phones import Phone


async def send(request: web.Request) -> web.Response:
    phone, network = phone_of(request), network_of(request)
    form: AnyForm = await read_body(request, AnyForm)  # type: ignore[arg-type]
    chat = chat_of(network, form.to)
    if isinstance(chat, Group) and phone.number not in chat.members:
        raise Problem(409, "not_a_member", "This phone is not in the group, so it cannot write there.")
    if isinstance(form, VoteForm):
        return await _vote(Desk(network, phone, chat), form)
    if isinstance(form, UnreadableForm | WithheldForm):
        return answer({"messageId": await _shut(phone, chat, form)}, 201)
    message = await _composed(form, Desk(network, phone, chat))
    return answer({"messageId": await phone.send(chat, message)}, 201)


async def _shut(phone: Phone, chat: Account | Group, form: UnreadableForm | WithheldForm) -> str:
    if isinstance(form, UnreadableForm):
        return await phone.send_unreadable(chat, form.text, answers_retry=form.sent_again)
    if isinstance(chat, Group):
        raise invalid("to", "to must be a number: what is withheld from companions is sent to a person.")
    return await phone.send_withheld(chat)


async def _vote(desk: Desk, form: VoteForm) -> web.Response:
    try:
        message_id = await desk.phone.vote(received(desk.phone, form.target), *form.options)
    except LookupError:
        raise invalid("target", "target is no poll that this phone has.") from None
    return answer({"messageId": message_id}, 201)


async def _composed(form: AnyForm, desk: Desk) -> Outgoing:
    assert not isinstance(form, VoteForm | UnreadableForm | WithheldForm)  # noqa: S101 (sealed when it is sent)
    if isinstance(form, FileForm):
        # Sealing a large file takes longer than the network's clients should wait.
        message = await asyncio.to_thread(form.outgoing, desk)
        message = message_forms.view_once(message) if form.view_once else message
    else:
        message = form.outgoing(desk)
    try:
        if form.mentions:
            people = [desk.address_of(number) for number in form.mentions]
            message = message_forms.mentioning(message, *people)
        message = message_forms.forwarded(message) if form.forwarded else message
    except ValueError:
        raise invalid("type", "Messages of this type can neither mention anybody nor be forwarded.") from None
    return message_forms.ephemeral(message, form.disappears_after) if form.disappears_after else message


ROUTES = [web.post("/phones/{number}/messages", send)]
