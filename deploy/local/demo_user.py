"""Makes the demo user as any client would: over REST."""

import json
import urllib.error
import urllib.request
from typing import Any

from deploy.local.demo_accounts import DemoAccounts
from deploy.local.errors import LaunchError

# Nothing of this may go through a proxy that the environment names.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answers(url: str) -> bool:
    try:
        with _OPENER.open(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def live_workers(api: str) -> int:
    """How many have registered with the control plane; 0 while it does not tell."""
    try:
        with _OPENER.open(f"{api}/health", timeout=5) as answer:
            return int((json.load(answer).get("workers") or {}).get("live", 0))
    except (OSError, ValueError):
        return 0


def make_demo_user(api: str, accounts: DemoAccounts) -> None:
    person = {"email": accounts.user_email, "password": accounts.user_password}
    status, answer = _ask(api, "POST", "/v1/auth/register", {**person, "name": "Demo"})
    if status not in {201, 409}:
        raise _refused("register the demo user", status, answer)
    user = _log_in(api, accounts.user_email, accounts.user_password)["user"]["id"]
    token = _log_in(api, accounts.admin_email, accounts.admin_password)["accessToken"]
    status, answer = _ask(api, "PATCH", f"/v1/admin/users/{user}", {"tier": "MAX"}, token)
    if status != 200:
        raise _refused("give the demo user its tier", status, answer)


def _log_in(api: str, email: str, password: str) -> dict[str, Any]:
    status, answer = _ask(api, "POST", "/v1/auth/login", {"email": email, "password": password})
    if status == 401:
        raise LaunchError(
            f"{email} has another password in this database: it was made from another data folder."
        )
    if status != 200:
        raise _refused(f"log in as {email}", status, answer)
    return answer


def _ask(
    api: str, method: str, path: str, body: dict[str, str], token: str = ""
) -> tuple[int, dict[str, Any]]:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(api + path, json.dumps(body).encode(), headers, method=method)  # noqa: S310
    try:
        with _OPENER.open(request, timeout=15) as answer:
            return answer.status, _document(answer.read())
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, _document(refusal.read())
    except OSError as error:
        raise LaunchError(f"The API did not answer {method} {path}: {error}") from error


def _document(text: bytes) -> dict[str, Any]:
    try:
        read = json.loads(text or b"{}")
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _refused(what: str, status: int, answer: dict[str, Any]) -> LaunchError:
    return LaunchError(f"Could not {what}: the API answered {status}. {answer.get('detail', '')}".strip())
