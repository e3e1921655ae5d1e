"""Webhooks of the tests. Their URL is a public address, which is judged without asking anybody."""

from typing import Any

import httpx

from tests.factories import Person

URL = "https://93.184.215.14/hook"


async def new_webhook(person: Person, *, bearer: str | None = None, **body: Any) -> dict[str, Any]:
    answer = await ask_for(person, bearer=bearer, **body)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


async def ask_for(person: Person, *, bearer: str | None = None, **body: Any) -> httpx.Response:
    return await person.call("POST", "/v1/webhooks", bearer=bearer, json={"url": URL, **body})


async def new_session(person: Person, name: str = "shop", *, sandbox: bool = True) -> str:
    answer = await person.call("POST", "/v1/sessions", json={"name": name, "sandbox": sandbox})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def pointers(answer: httpx.Response) -> list[str]:
    return [error["pointer"] for error in answer.json()["errors"]]
