"""The way back in: a mail through the outbox, a link that works once."""

import asyncio
import re
import stat
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from control_plane.accounts.mail import MailLoop, OutgoingMail
from control_plane.accounts.models import PasswordReset
from control_plane.db.engine import SystemSite
from control_plane.settings import Settings
from tests import run_folder
from tests.factories import People, Person, new_email, new_password
from tests.integration.test_refresh import eventually_refused
from tests.smtp_server import SmtpServer
from tests.waiting import until


@pytest.fixture
async def mail_server() -> AsyncIterator[SmtpServer]:
    async with SmtpServer() as server:
        yield server


class MailRun:
    """The mail loop of the background process, with settings of the test."""

    def __init__(self, person: Person, settings: Settings) -> None:
        parts = person.replica.parts
        self._loop = MailLoop(parts.database, parts.keyring, settings).loop
        self._stopping = asyncio.Event()

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._loop.run(self._stopping))

    async def __aexit__(self, *_: object) -> None:
        self._stopping.set()
        await self._task


async def ask(person: Person, email: str | None = None):
    body = {"email": email or person.email}
    return await person.call("POST", "/v1/auth/forgot-password", bearer="", json=body)


async def reset(person: Person, token: str, password: str):
    body = {"token": token, "password": password}
    return await person.call("POST", "/v1/auth/reset-password", bearer="", json=body)


def token_in(text: str) -> str:
    found = re.search(r"token=([\w-]+)", text)
    assert found is not None, "no link in the mail"
    run_folder.note_secret(found[1])
    return found[1]


@pytest.fixture
async def token(people: People, make_settings, mail_server: SmtpServer):
    """A person, and the token that reached their mailbox."""
    person = await people()
    assert (await ask(person)).status_code == 202
    settings = make_settings(WAYPOST_SMTP_URL=mail_server.url, WAYPOST_MAIL_FROM="gate@waypost.example")
    async with MailRun(person, settings):
        mail = await mail_server.mail_to(person.email)
    assert mail["From"] == "gate@waypost.example"
    payload = mail.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return person, token_in(payload.decode())


async def test_the_link_in_the_mail_sets_a_new_password_once(token):
    person, secret = token
    old, person.password = person.password, new_password()
    assert (await reset(person, secret, person.password)).status_code == 204
    assert (await person.log_in()).status_code == 200
    assert (await reset(person, secret, new_password())).json()["code"] == "invalid_reset_token"
    person.password = old
    assert (await person.log_in()).status_code == 401


async def test_a_reset_ends_every_login(token):
    person, secret = token
    await reset(person, secret, new_password())
    await eventually_refused(person)


async def test_a_bad_password_does_not_use_the_link_up(token):
    person, secret = token
    assert (await reset(person, secret, "short")).status_code == 422
    assert (await reset(person, secret, new_password())).status_code == 204


async def test_an_expired_link_is_refused(token):
    person, secret = token
    async with person.replica.parts.database.system(SystemSite.ADMIN) as session:
        await session.execute(update(PasswordReset).values(expires_at=func.clock_timestamp()))
    assert (await reset(person, secret, new_password())).status_code == 422


async def test_a_second_request_makes_the_first_link_worthless(token):
    person, secret = token
    await ask(person)
    assert (await reset(person, secret, new_password())).status_code == 422


async def test_of_parallel_uses_of_one_link_one_wins(token):
    person, secret = token
    answers = await asyncio.gather(*(reset(person, secret, new_password()) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [204, 422, 422, 422, 422]


async def test_an_unknown_address_gets_the_same_answer_and_no_mail(people: People):
    person = await people()
    nobody = new_email()
    known, unknown = await ask(person), await ask(person, nobody)
    assert (known.status_code, known.json()) == (unknown.status_code, unknown.json())
    async with person.replica.parts.database.system(SystemSite.MAIL_LOOP) as session:
        mails = (await session.scalars(select(OutgoingMail))).all()
    sealed = [person.replica.parts.keyring.open("mail", mail.sealed, mail.id.bytes) for mail in mails]
    assert sum(person.email.encode() in plain for plain in sealed) == 1
    assert not any(nobody.encode() in plain for plain in sealed)


async def test_asking_again_and_again_is_slowed(people: People):
    person = await people()
    assert [(await ask(person)).status_code for _ in range(6)] == [202] * 5 + [429]


async def test_a_mail_that_the_server_refuses_is_tried_again(people: People, make_settings, mail_server):
    person = await people()
    mail_server.refuse_next = 1
    await ask(person)
    async with MailRun(person, make_settings(WAYPOST_SMTP_URL=mail_server.url)):

        async def refused() -> bool:
            return bool(mail_server.refused)

        await until(refused)

        async def due_again() -> bool:
            async with person.replica.parts.database.system(SystemSite.MAIL_LOOP) as session:
                changed: Any = await session.execute(
                    update(OutgoingMail)
                    .where(OutgoingMail.claim_token.is_(None))
                    .values(due_at=func.clock_timestamp() - timedelta(seconds=1))
                )
            return changed.rowcount > 0 or person.email in mail_server.boxes

        await until(due_again)
        await mail_server.mail_to(person.email)


async def test_a_mail_goes_once_and_an_expired_one_does_not_go(people: People, make_settings, mail_server):
    late, person = await people(), await people()
    database = person.replica.parts.database
    await ask(late)
    async with database.system(SystemSite.MAIL_LOOP) as session:
        await session.execute(update(OutgoingMail).values(expires_at=func.clock_timestamp()))
    await ask(person)
    async with MailRun(person, make_settings(WAYPOST_SMTP_URL=mail_server.url)):
        await mail_server.mail_to(person.email)

        async def outbox_is_empty() -> bool:
            async with database.system(SystemSite.MAIL_LOOP) as session:
                return not (await session.scalars(select(OutgoingMail.id))).all()

        await until(outbox_is_empty)
    assert late.email not in mail_server.boxes
    assert len(mail_server.boxes[person.email]) == 1


async def test_the_link_in_the_mail_leads_to_the_page(
    people: People, make_settings, mail_server, start_replica
):
    public = await start_replica(WAYPOST_PUBLIC_URL="https://gate.example.com/")
    person = await People(public)()
    await ask(person)
    async with MailRun(person, make_settings(WAYPOST_SMTP_URL=mail_server.url)):
        mail = await mail_server.mail_to(person.email)
    payload = mail.get_payload(decode=True)
    assert isinstance(payload, bytes)
    link = re.search(r"https://gate\.example\.com(/\S+)", payload.decode())
    assert link is not None
    run_folder.note_secret(token_in(link[1]))
    assert "Set a new password" in (await public.client.get(link[1])).text


async def test_development_without_a_server_writes_the_mail_to_a_private_file(
    people: People, make_settings, tmp_path: Path
):
    person = await people()
    await ask(person)
    file = tmp_path / "logs" / "mail.log"
    async with MailRun(person, make_settings(WAYPOST_DATA_DIR=str(tmp_path))):

        async def written() -> bool:
            return file.exists() and person.email in file.read_text()

        await until(written)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    mine = file.read_text().partition(person.email)[2]
    assert (await reset(person, token_in(mine), new_password())).status_code == 204
