"""What the control plane wants of a session's client: asked of its engine, answered in words that travel."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from shared.contracts.commands import (
    CommandAnswer,
    NumberSeen,
    NumbersWish,
    Outcome,
    ReadWish,
    SendWish,
    TypingWish,
    Wish,
)
from shared.contracts.messages import OutgoingMessage
from worker.agent import Agent
from worker.engines.words import FindNumbers, MarkRead, Send, SetTyping
from worker.whatsapp.port import NotConnected, Refused, Typing, Uncertain


async def obey(agent: Agent, session: str, wish: Wish) -> CommandAnswer:
    """Only of a session that runs here at that epoch."""
    spec = agent.node.engines.spec_of(session)
    # Sessions in files run on without a lease: nobody else can have them.
    without_lease = agent.shares_its_store and agent.lease.over
    if spec is None or without_lease or not agent.board.runs(session, wish.epoch):
        return CommandAnswer(outcome=Outcome.NOT_HERE)
    try:
        return await _COMMANDS[type(wish)](agent, session, wish)
    except NotConnected:
        return CommandAnswer(outcome=Outcome.NOT_CONNECTED)
    except Refused as error:
        return CommandAnswer(outcome=Outcome.REFUSED, words=str(error))
    except Uncertain as error:
        return CommandAnswer(outcome=Outcome.UNCERTAIN, words=str(error))


async def _send(agent: Agent, session: str, wish: SendWish) -> CommandAnswer:
    message = OutgoingMessage(
        content=wish.content, reply_to=wish.reply_to, mentions=wish.mentions, forwarded=wish.forwarded
    )
    sent = await agent.node.engines.send(session, Send(recipient=wish.recipient, message=message))
    return CommandAnswer(outcome=Outcome.DONE, whatsapp_id=sent.whatsapp_id, timestamp=sent.timestamp)


async def _find(agent: Agent, session: str, wish: NumbersWish) -> CommandAnswer:
    answer = await agent.node.engines.ask(session, FindNumbers(phones=wish.phones))
    numbers = tuple(
        NumberSeen(phone=found.phone, exists=found.exists, chat=found.jid, lid=found.lid)
        for found in answer.numbers or ()
    )
    return CommandAnswer(outcome=Outcome.DONE, numbers=numbers)


async def _type(agent: Agent, session: str, wish: TypingWish) -> CommandAnswer:
    await agent.node.engines.ask(session, SetTyping(chat=wish.chat, state=Typing(wish.state)))
    return CommandAnswer(outcome=Outcome.DONE)


async def _read(agent: Agent, session: str, wish: ReadWish) -> CommandAnswer:
    command = MarkRead(chat=wish.chat, sender=wish.sender, whatsapp_ids=wish.whatsapp_ids, played=wish.played)
    await agent.node.engines.ask(session, command)
    return CommandAnswer(outcome=Outcome.DONE)


_COMMANDS: Mapping[type, Callable[[Agent, str, Any], Awaitable[CommandAnswer]]] = {
    SendWish: _send,
    NumbersWish: _find,
    TypingWish: _type,
    ReadWish: _read,
}
