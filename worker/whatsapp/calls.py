"""What we ask of a client that runs: each call of the library, and what its errors mean."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from shared.contracts.messages import FileKind, FileTicket, OutgoingMessage, PollVote, Sent
from worker.whatsapp import fetching, library
from worker.whatsapp.account import Account
from worker.whatsapp.jids import format_jid, is_group, parse_jid, parse_person, phone_of
from worker.whatsapp.library_errors import (
    download_problem_of,
    log_out_problem_of,
    refusal_of,
    send_problem_of,
    upload_problem_of,
)
from worker.whatsapp.lock import CallLock
from worker.whatsapp.numbers import find, parse_phone
from worker.whatsapp.outgoing.building import build
from worker.whatsapp.outgoing.limits import check_id
from worker.whatsapp.outgoing.votes import poll_info
from worker.whatsapp.port import Fetched, NotConnected, NumberFound, Typing
from worker.whatsapp.recipients import hidden_name, send_to

Result = TypeVar("Result")

# A call finds its client in the library's map at its very beginning, and never looks there again.
_LOOKED_UP = 1.0
_MOST_IDS = 500
_NONCE = 12  # of AES-GCM
_STATE, _MEDIA = library.ChatPresence, library.ChatPresenceMedia
_TYPING = {
    Typing.TYPING: (_STATE.CHAT_PRESENCE_COMPOSING, _MEDIA.CHAT_PRESENCE_MEDIA_TEXT),
    Typing.RECORDING: (_STATE.CHAT_PRESENCE_COMPOSING, _MEDIA.CHAT_PRESENCE_MEDIA_AUDIO),
    Typing.PAUSED: (_STATE.CHAT_PRESENCE_PAUSED, _MEDIA.CHAT_PRESENCE_MEDIA_TEXT),
}


class LibraryCalls(ABC):
    """The half of a client that does what it is asked; the other half is its life."""

    def __init__(self, lock: CallLock) -> None:
        self._lock = lock
        self._account = Account()

    @abstractmethod
    def _running(self) -> Any:
        """The library's client, or NotConnected."""

    async def pairing_code(self, phone: str) -> str:
        digits = parse_phone(phone)
        # The network takes only names of common browsers here, and our device's kind is none.
        browser = library.ClientType.CHROME
        return str(await self._ask(lambda client: client.PairPhone(digits, True, client_type=browser)))

    async def send(self, recipient: str, message: OutgoingMessage) -> Sent:
        to = parse_jid(recipient)
        # Logged in means connected as well, and each look costs a change of threads.
        if not await self._ask(lambda client: client.is_logged_in):
            raise NotConnected
        built = await build(message, format_jid(to), self._account, self)
        answer, reached = await send_to(
            to,
            lambda jid: self._ask(lambda client: client.send_message(jid, built), send_problem_of),
            self._ask,
        )
        return Sent(
            whatsapp_id=str(answer.ID),
            timestamp=int(answer.Timestamp),
            phone=phone_of(format_jid(reached)) if reached is not to else "",
            lid=await hidden_name(reached, self._ask),
        )

    async def upload(self, data: bytes, kind: FileKind) -> Any:
        media = fetching.MEDIA_TYPES[kind]
        return await self._ask(lambda client: client.upload(data, media), upload_problem_of)

    async def seal_vote(self, content: PollVote, chat: str) -> Any:
        info = poll_info(content, chat, self._account)
        return await self._ask(lambda client: client.build_poll_vote(info, list(content.options)))

    async def mark_read(
        self, chat: str, sender: str, whatsapp_ids: tuple[str, ...], *, played: bool = False
    ) -> None:
        if not whatsapp_ids or len(whatsapp_ids) > _MOST_IDS:
            raise ValueError(f"1 to {_MOST_IDS} messages can be marked at once")
        if is_group(chat) and not sender:
            raise ValueError("in a group, messages are marked together with the one who wrote them")
        # The library joins the ids with blanks.
        ids = [check_id(whatsapp_id) for whatsapp_id in whatsapp_ids]
        where, author = parse_jid(chat), parse_person(sender) if sender else parse_jid(chat)
        kind = library.ReceiptType.PLAYED if played else library.ReceiptType.READ
        await self._ask(lambda client: client.mark_read(*ids, chat=where, sender=author, receipt=kind))

    async def set_typing(self, chat: str, state: Typing) -> None:
        where, how = parse_jid(chat), _TYPING[state]
        await self._ask(lambda client: client.send_chat_presence(where, *how))

    async def set_available(self, available: bool) -> None:
        presence = library.Presence.AVAILABLE if available else library.Presence.UNAVAILABLE
        await self._ask(lambda client: client.send_presence(presence))

    async def watch_presence(self, person: str) -> None:
        jid = parse_person(person)
        await self._ask(lambda client: client.subscribe_presence(jid))

    async def find_numbers(self, phones: tuple[str, ...]) -> tuple[NumberFound, ...]:
        return await find(phones, self._ask)

    async def fetch(self, ticket: FileTicket, path: str) -> Fetched:
        return await fetching.fetch(ticket, path, self._download)

    async def reject_call(self, sender: str, call_id: str) -> None:
        caller, call = parse_person(sender), check_id(call_id)
        await self._ask(lambda client: client.reject_call(caller, call))

    async def connected(self) -> bool:
        try:
            socket = await self._ask(lambda client: client.is_connected)
            return bool(socket and await self._ask(lambda client: client.is_logged_in))
        except NotConnected:
            return False

    async def answered(self, within: float) -> float | None:
        """After how many milliseconds the network answered; None when it did not.

        It is the shortest question there is, and each client puts it after its log-in. A question that is
        given up goes on by itself: it must never be cancelled before it has found its client.
        """
        asked = await self._begin(_question)
        await asyncio.wait({asked}, timeout=within)
        if not asked.done():
            asked.add_done_callback(_unheard)
            return None
        try:
            return asked.result()
        except library.NeonizeError as error:
            problem = refusal_of(error)
            if isinstance(problem, NotConnected):
                raise problem from None
            return None

    async def log_out(self) -> None:
        await self._ask(lambda client: client.logout(), log_out_problem_of)

    async def _ask(
        self,
        call: Callable[[Any], Awaitable[Result]],
        problem: Callable[[BaseException], Exception] = refusal_of,
    ) -> Result:
        """One call of the library. Its answer may take minutes, which no connect or stop has to wait for."""
        asked = await self._begin(call)
        try:
            return await asked
        except library.NeonizeError as error:
            raise problem(error) from None

    async def _begin(self, call: Callable[[Any], Awaitable[Result]]) -> asyncio.Future[Result]:
        async with self._lock.shared():
            # A call on a client that is not in the map ends the process; no exception can be caught.
            asked = asyncio.ensure_future(call(self._running()))
            await _looked_up(asked)
        return asked

    async def _download(self, ticket: FileTicket) -> bytes:
        media = fetching.MEDIA_TYPES[ticket.kind]
        data: bytes = await self._ask(
            lambda client: client.download_media_with_path(
                direct_path=ticket.direct_path,
                enc_file_hash=ticket.sealed_sha256,
                file_hash=ticket.sha256,
                media_key=ticket.media_key,
                file_length=ticket.size,
                media_type=media,
                mms_type=media.to_mms(),
            ),
            download_problem_of,
        )
        return data

    async def _votes(self, event: Any) -> tuple[bytes, ...]:
        # Of another length it would end the process, and a stranger has written it.
        if len(event.Message.pollUpdateMessage.vote.encIV) != _NONCE:
            raise ValueError("a vote that nobody can open")
        vote = await self._ask(lambda client: client.decrypt_poll_vote(event))
        return tuple(vote.selectedOptions)

    async def _own_account(self) -> Account:
        return Account.of(await self._ask(lambda client: client.get_me()))


async def _question(client: Any) -> float:
    begun = time.monotonic()
    await client.set_passive(False)
    return (time.monotonic() - begun) * 1000


def _unheard(asked: asyncio.Future[Any]) -> None:
    if not asked.cancelled():
        asked.exception()


async def _looked_up(asked: asyncio.Future[Any]) -> None:
    done, _ = await asyncio.wait({asked}, timeout=_LOOKED_UP)
    if not done:
        # First in, first out: once this has had its turn, the call before it has had one as well.
        await asyncio.to_thread(lambda: None)
        await asyncio.wait({asked}, timeout=_LOOKED_UP)
