"""The page that the link in the mail leads to."""

from tests.factories import new_password
from tests.integration.test_password_reset import mail_server, token

__all__ = ["mail_server", "token"]


async def submit(person, secret: str, password: str):
    form = {"token": secret, "password": password}
    return await person.call("POST", "/reset-password", bearer="", data=form)


async def test_the_form_sets_the_password(token):
    person, secret = token
    shown = await person.call("GET", "/reset-password", bearer="", params={"token": secret})
    assert shown.status_code == 200
    assert f'value="{secret}"' in shown.text
    short = await submit(person, secret, "short")
    assert short.status_code == 422
    assert "at least 10 characters" in short.text
    person.password = new_password()
    done = await submit(person, secret, person.password)
    assert done.status_code == 200
    assert "Your new password is set" in done.text
    assert (await person.log_in()).status_code == 200
    again = await submit(person, secret, new_password())
    assert again.status_code == 422
    assert "Ask for a new one" in again.text


async def test_a_hostile_token_is_shown_as_text(replica):
    hostile = '"><script>alert(1)</script>'
    for answer in (
        await replica.client.get("/reset-password", params={"token": hostile}),
        await replica.client.post("/reset-password", data={"token": hostile, "password": "x"}),
    ):
        assert "<script>" not in answer.text
        assert "script-src" not in answer.headers["content-security-policy"]


async def test_the_page_has_its_style(replica):
    assert (await replica.client.get("/static/pages.css")).headers["content-type"].startswith("text/css")
