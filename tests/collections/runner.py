"""Sends the requests of a file, one after the other, and compares each answer with what stands above it."""

from collections.abc import Mapping

import httpx

from tests.collections.answers import Answer, NotThereError, holds
from tests.collections.collection import Collection, CollectionError, Condition, Request
from tests.collections.variables import Variables
from tests.waiting import until

_STREAM = "text/event-stream"


class Runner:
    def __init__(
        self, client: httpx.AsyncClient, collection: Collection, surroundings: Mapping[str, str]
    ) -> None:
        self._client = client
        self._collection = collection
        self._variables = Variables(collection.variables, surroundings)

    async def run(self) -> list[CollectionError]:
        """A scenario ends with its first trouble and the next begins; without what all need, none does."""
        troubles = []
        for scenario in self._collection.scenarios:
            try:
                for request in scenario.requests:
                    await self.play(request)
            except CollectionError as trouble:
                troubles.append(trouble)
                if not scenario.title:
                    break
        return troubles

    async def play(self, request: Request) -> None:
        answer = await self._awaited(request) if request.awaited else await self._sent(request)
        for condition in request.expected:
            trouble = self._trouble(condition, answer)
            if trouble:
                raise CollectionError(condition.place, f"{trouble}; the answer was {answer}")
        if request.name:
            self._variables.answers[request.name] = answer

    async def _awaited(self, request: Request) -> Answer:
        answers: list[Answer] = []

        async def come_true() -> bool:
            answers[:] = [await self._sent(request)]
            return self._holds_all(request, answers[0])

        try:
            await until(come_true, within=request.patience)
        except TimeoutError:
            if not answers:
                raise CollectionError(request.place, "it was not answered in time") from None
            unmet = next(each for each in request.awaited if self._trouble(each, answers[0]))
            words = f"within {request.patience:g} s it did not come to {unmet}"
            raise CollectionError(unmet.place, f"{words}; the last answer was {answers[0]}") from None
        return answers[0]

    async def _sent(self, request: Request) -> Answer:
        def fill(text: str) -> str:
            return self._variables.filled(text, request.place)

        asked = self._client.build_request(
            request.method,
            fill(request.url),
            headers=[(name, fill(value)) for name, value in request.headers],
            content=_encoded(request, fill(request.body)),
        )
        try:
            response = await self._client.send(asked, stream=True)
            try:
                text = await self._text(request, response)
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            raise CollectionError(request.place, f"it was not answered: {type(error).__name__}") from error
        return Answer(response.status_code, response.headers, text)

    async def _text(self, request: Request, response: httpx.Response) -> str:
        """A stream of events never ends by itself: it is read until it holds what is awaited of it."""
        if not response.headers.get("content-type", "").startswith(_STREAM):
            return (await response.aread()).decode(errors="replace")
        text = ""
        async for piece in response.aiter_text():
            text += piece
            if self._holds_all(request, Answer(response.status_code, response.headers, text)):
                break
        return text

    def _holds_all(self, request: Request, answer: Answer) -> bool:
        return not any(self._trouble(condition, answer) for condition in request.awaited)

    def _trouble(self, condition: Condition, answer: Answer) -> str:
        wanted = self._variables.filled(condition.value, condition.place)
        try:
            found = answer.at(condition.subject)
        except NotThereError as error:
            return f"expected {condition.subject} {condition.operator} {wanted}, but {error}"
        if holds(found, condition.operator, wanted):
            return ""
        return f"expected {condition.subject} {condition.operator} {wanted}, found {found!r:.300}"


def _encoded(request: Request, body: str) -> bytes | None:
    """The lines of forms end as the protocol wants it, which editors see to as well."""
    is_form = any(
        name.lower() == "content-type" and value.startswith("multipart/") for name, value in request.headers
    )
    return (body.replace("\n", "\r\n") if is_form else body).encode() or None
