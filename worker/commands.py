"""What the control plane wants of a session's client: asked of its engine, answered in words that travel."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from shared.contracts.commands import (
    Attempt,
    Attempts,
    AttemptsSeen,
    CommandAnswer,
    FileWish,
    NumberSeen,
    NumbersWish,
    Outcome,
    ReadWish,
    SendWish,
    TypingWish,
    Wish,
)
from shared.contracts.messages import OutgoingMessage, StoredFile
from shared.files.errors import MediaCode, MediaError
from worker.agent import Agent
from worker.engines.words import FindNumbers, MarkRead, Send, SetTyping
from worker.whatsapp.port import Limited, NotConnected, Refused, StoreAway, Typing, Uncertain

# The first that fits: some are kinds of others.
_OUTCOMES: Mapping[type[Exception], Outcome] = {
    NotConnected: Outcome.NOT_CONNECTED,
    StoreAway: Outcome.STORE_AWAY,
    Limited: Outcome.LIMITED,
    Refused: Outcome.REFUSED,
    Uncertain: Outcome.UNCERTAIN,
}


async def obey(agent: Agent, session: str, wish: Wish) -> CommandAnswer:
    """Only of a session that runs here at that epoch."""
    spec = agent.node.engines.spec_of(session)
    # Sessions in files run on without a lease: nobody else can have them.
    without_lease = agent.shares_its_store and agent.lease.over
    if spec is None or without_lease or not agent.board.runs(session, wish.epoch):
        return CommandAnswer(outcome=Outcome.NOT_HERE)
    if isinstance(wish, SendWish):
        return await _send_once(agent, session, wish)
    return await _answered(_COMMANDS[type(wish)](agent, session, wish))


async def look_up(agent: Agent, asked: Attempts) -> AttemptsSeen:
    """Of any session, whether it runs here now or not."""
    return AttemptsSeen(seen=tuple([await agent.node.journal.ask(attempt) for attempt in asked.asked]))


async def _answered(work: Awaitable[CommandAnswer]) -> CommandAnswer:
    try:
        return await work
    except MediaError as error:
        away = error.code is MediaCode.STORAGE_UNAVAILABLE
        outcome = Outcome.STORE_AWAY if away else Outcome.REFUSED
        return CommandAnswer(outcome=outcome, words=error.words, code=error.code.value)
    except tuple(_OUTCOMES) as error:
        outcome = next(outcome for kind, outcome in _OUTCOMES.items() if isinstance(error, kind))
        return CommandAnswer(outcome=outcome, words=str(error))


async def _send_once(agent: Agent, session: str, wish: SendWish) -> CommandAnswer:
    """Begun in the journal, then sent, then ended there: whatever is lost on the way can be asked for."""
    journal = agent.node.journal
    attempt = Attempt(message_id=wish.message_id, attempt=wish.attempt, session_id=session, epoch=wish.epoch)
    known = await journal.begin(attempt)
    if known is not None:
        return known
    answer = CommandAnswer(outcome=Outcome.UNCERTAIN, words="the worker failed while it was sent")
    try:
        answer = await _answered(_send(agent, session, wish))
    finally:
        await journal.end(attempt, answer)
    return answer


async def _send(agent: Agent, session: str, wish: SendWish) -> CommandAnswer:
    if isinstance(wish.content, StoredFile):
        sent = await agent.node.files.send_stored(session, wish, wish.content)
    else:
        message = OutgoingMessage(
            content=wish.content, reply_to=wish.reply_to, mentions=wish.mentions, forwarded=wish.forwarded
        )
        sent = await agent.node.engines.send(session, Send(recipient=wish.recipient, message=message))
    return CommandAnswer(
        outcome=Outcome.DONE,
        whatsapp_id=sent.whatsapp_id,
        timestamp=sent.timestamp,
        phone=sent.phone,
        lid=sent.lid,
    )


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


async def _fetch(agent: Agent, session: str, wish: FileWish) -> CommandAnswer:
    """It may take long: begun is enough."""
    spec = agent.node.engines.spec_of(session)
    if spec is None:
        return CommandAnswer(outcome=Outcome.NOT_HERE)
    agent.node.files.fetch_again(spec, wish)
    return CommandAnswer(outcome=Outcome.DONE)


_COMMANDS: Mapping[type, Callable[[Agent, str, Any], Awaitable[CommandAnswer]]] = {
    NumbersWish: _find,
    TypingWish: _type,
    ReadWish: _read,
    FileWish: _fetch,
}
