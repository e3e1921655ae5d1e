"""From a bearer credential to a principal; every route is private unless it says that it is public."""

from collections.abc import Mapping
from typing import Protocol

from control_plane.errors import AppError, Code
from control_plane.http.principal import ANY_KEY, Access, Method, Principal, Scope

_EXPECTED = "Send 'Authorization: Bearer <credential>', where the credential is "
_BEARER_MAX = 4096


class Authenticator(Protocol):
    async def authenticate(self, credential: str) -> Principal:
        """Raises AppError when the credential is not good."""


def bearer(headers: Mapping[str, str], rule: Access) -> str:
    header = headers.get("authorization", "")
    scheme, _, credential = header.partition(" ")
    credential = credential.strip()
    if scheme.lower() != "bearer" or not credential or len(credential) > _BEARER_MAX:
        what = "No credential was sent." if not header else "The Authorization header has another form."
        raise AppError(
            Code.UNAUTHORIZED,
            f"{what} {_EXPECTED}{expected(rule)}.",
            headers={"WWW-Authenticate": 'Bearer realm="waypost"'},
        )
    return credential


def authorize(principal: Principal, rule: Access) -> None:
    if rule.admin:
        if not principal.is_admin:
            raise AppError(Code.FORBIDDEN, "This call is for administrators, logged in with a password.")
    elif principal.method is Method.API_KEY:
        if rule.scope is None:
            raise AppError(
                Code.CREDENTIAL_NOT_ACCEPTED,
                f"API keys do not manage accounts. {_EXPECTED}{expected(rule)}.",
            )
        if rule.scope != ANY_KEY and rule.scope not in principal.scopes:
            raise AppError(
                Code.INSUFFICIENT_SCOPE,
                f"The API key lacks the scope {rule.scope}. Make a key that has it.",
                extra={"requiredScope": Scope(rule.scope).value},
            )


def expected(rule: Access) -> str:
    if rule.scope is None:
        return "the accessToken of POST /v1/auth/login"
    return "an API key (wp_live_… or wp_test_…) or the accessToken of POST /v1/auth/login"
