"""Why an address that a customer named gave nothing: a stable code and a sentence for the customer."""

from enum import StrEnum

import aiohttp


class Trouble(StrEnum):
    INVALID = "url_invalid"
    FORBIDDEN = "url_forbidden"
    UNRESOLVABLE = "url_unresolvable"
    UNREACHABLE = "url_unreachable"
    TIME_OUT = "url_timeout"
    TOO_LARGE = "url_too_large"
    BAD_STATUS = "url_bad_status"
    REDIRECTS = "url_redirects"
    TLS = "url_tls"
    HEADER = "header_invalid"


_WORDS = {
    Trouble.INVALID: "The URL cannot be used. Write it like https://example.com/file.jpg.",
    # One sentence for all of them: which address was found, and why it is closed, would map our network.
    Trouble.FORBIDDEN: "The URL leads to an address that is not public. Give one that everybody can reach.",
    Trouble.UNRESOLVABLE: "The host of the URL is not known. Check its name.",
    Trouble.UNREACHABLE: "The server of the URL cannot be reached, or broke off. Try again once it runs.",
    Trouble.TIME_OUT: "The server of the URL took too long. Try again, or use a faster one.",
    Trouble.TOO_LARGE: "What the URL holds is larger than allowed.",
    Trouble.BAD_STATUS: "The server of the URL did not answer with a success.",
    Trouble.REDIRECTS: "The URL leads on to another one. Give the last one of the chain.",
    Trouble.TLS: "The certificate of the URL's server is not accepted. Have it made valid for this host.",
    Trouble.HEADER: "A header cannot be used.",
}
_MAY_PASS = frozenset({Trouble.UNRESOLVABLE, Trouble.UNREACHABLE, Trouble.TIME_OUT})
_BUSY = frozenset({408, 425, 429})


class EgressError(Exception):
    """Neither its words nor its cause ever hold a query, a credential or an address that a name led to."""

    def __init__(self, trouble: Trouble, detail: str = "", *, status: int | None = None) -> None:
        self.trouble = trouble
        self.detail = detail or _WORDS[trouble]
        self.status = status
        super().__init__(f"{trouble.value}: {self.detail}")

    @property
    def code(self) -> str:
        return self.trouble.value

    @property
    def may_pass(self) -> bool:
        """True where the same request may go well later."""
        busy = self.status is not None and (self.status in _BUSY or self.status >= 500)
        return busy or self.trouble in _MAY_PASS


# What the client library and the network throw; everything else is a fault of ours.
NETWORK_FAILURES = (aiohttp.ClientError, OSError, TimeoutError)


def told(error: BaseException) -> EgressError:
    if isinstance(error, EgressError):
        return error
    if isinstance(error, TimeoutError):
        return EgressError(Trouble.TIME_OUT)
    if isinstance(error, aiohttp.ClientSSLError):
        return EgressError(Trouble.TLS)
    return EgressError(Trouble.UNREACHABLE)
