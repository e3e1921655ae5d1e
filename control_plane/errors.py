"""What can be refused: one table of codes, one exception, one rendering (RFC 9457 problem details)."""

from enum import Enum
from typing import Any

PROBLEM_MEDIA_TYPE = "application/problem+json"


class Code(Enum):
    """The stable name that clients may branch on, its HTTP status, and its title."""

    MALFORMED_REQUEST = ("malformed_request", 400, "The request could not be read")
    UNAUTHORIZED = ("unauthorized", 401, "Credentials are missing or wrong")
    INVALID_CREDENTIALS = ("invalid_credentials", 401, "Email or password is wrong")
    TOKEN_EXPIRED = ("token_expired", 401, "The token has expired")
    REFRESH_TOKEN_REUSED = ("refresh_token_reused", 401, "The refresh token was used before")
    ACCOUNT_DISABLED = ("account_disabled", 403, "The account is disabled")
    FORBIDDEN = ("forbidden", 403, "Not allowed")
    INSUFFICIENT_SCOPE = ("insufficient_scope", 403, "The API key lacks a scope")
    CREDENTIAL_NOT_ACCEPTED = ("credential_not_accepted", 403, "This kind of credential is not accepted here")
    TIER_LIMIT_REACHED = ("tier_limit_reached", 403, "The limit of the tier is reached")
    REGISTRATION_CLOSED = ("registration_closed", 403, "Registration is closed")
    NOT_FOUND = ("not_found", 404, "Not found")
    NO_QR = ("no_qr", 404, "No QR code is live")
    METHOD_NOT_ALLOWED = ("method_not_allowed", 405, "The method is not allowed here")
    SLOW_READER = ("slow_reader", 408, "The reader of the stream is too slow")
    SESSION_NAME_TAKEN = ("session_name_taken", 409, "The account has a session of this name")
    SESSION_NOT_CONNECTED = ("session_not_connected", 409, "The session is not connected")
    NO_PRIMARY_SESSION = ("no_primary_session", 409, "The account has no session")
    SESSION_CONNECTED = ("session_connected", 409, "The session is connected already")
    PAIRING_REFUSED = ("pairing_refused", 409, "The pairing was refused")
    WORKER_ID_TAKEN = ("worker_id_taken", 409, "A worker with this id exists")
    DUPLICATE_ENDPOINT = ("duplicate_endpoint", 409, "Another live worker has this endpoint")
    INCARNATION_REPLACED = ("incarnation_replaced", 409, "Another process has this worker's id")
    INCARNATION_RETIRED = ("incarnation_retired", 409, "This incarnation of the worker is over")
    WORKER_IN_USE = ("worker_in_use", 409, "Sessions run on this worker")
    EMAIL_TAKEN = ("email_taken", 409, "An account with this email exists")
    REFRESH_SUPERSEDED = ("refresh_superseded", 409, "Another request has just refreshed with this token")
    IDEMPOTENCY_IN_FLIGHT = ("idempotency_in_flight", 409, "The first request with this key is still running")
    LAST_ADMIN = ("last_admin", 409, "The last admin cannot be removed")
    BODY_TOO_LARGE = ("body_too_large", 413, "The body is too large")
    UNSUPPORTED_MEDIA_TYPE = ("unsupported_media_type", 415, "The media type is not supported")
    VALIDATION_FAILED = ("validation_failed", 422, "A value is not valid")
    INVALID_ID = ("invalid_id", 422, "The id is not valid")
    INVALID_CHAT_ID = ("invalid_chat_id", 422, "The chat id is not valid")
    FILE_TOO_LARGE = ("file_too_large", 413, "The file is too large")
    FILE_REFUSED = ("file_refused", 422, "The file cannot be sent")
    URL_INVALID = ("url_invalid", 422, "The URL cannot be used")
    URL_FORBIDDEN = ("url_forbidden", 422, "The URL leads to where nobody may go")
    URL_UNRESOLVABLE = ("url_unresolvable", 422, "The host of the URL is not known")
    URL_UNREACHABLE = ("url_unreachable", 422, "The server of the URL cannot be reached")
    URL_TIMEOUT = ("url_timeout", 422, "The server of the URL took too long")
    URL_TOO_LARGE = ("url_too_large", 422, "What the URL holds is too large")
    URL_BAD_STATUS = ("url_bad_status", 422, "The server of the URL refused")
    URL_REDIRECTS = ("url_redirects", 422, "The URL leads on to another one")
    URL_TLS = ("url_tls", 422, "The certificate of the URL's server is not accepted")
    HEADER_INVALID = ("header_invalid", 422, "A header cannot be used")
    FILE_GONE = ("file_gone", 410, "WhatsApp no longer has the file")
    NO_FILE = ("no_file", 409, "The message has no file")
    LINK_EXPIRED = ("link_expired", 410, "The link is over")
    RANGE_NOT_SATISFIABLE = ("range_not_satisfiable", 416, "The file is shorter than that")
    STORAGE_UNAVAILABLE = ("storage_unavailable", 503, "The storage of files does not answer")
    MESSAGE_NOT_CHANGEABLE = ("message_not_changeable", 409, "This cannot be done to the message")
    BROADCAST_NOT_CHANGEABLE = ("broadcast_not_changeable", 409, "This cannot be done to the broadcast")
    TOO_MANY_BROADCASTS = ("too_many_broadcasts", 409, "The session has as many broadcasts as it may")
    WEBHOOK_DISABLED = ("webhook_disabled", 409, "The webhook is disabled")
    EVENT_GONE = ("event_gone", 410, "The event is no longer kept")
    REPLAY_TOO_LARGE = ("replay_too_large", 422, "The replay holds too many events")
    MESSAGE_NOT_SENT = ("message_not_sent", 409, "WhatsApp does not know the message")
    MESSAGE_REFUSED = ("message_refused", 422, "WhatsApp refused the message")
    INVALID_CURSOR = ("invalid_cursor", 422, "The cursor is not valid")
    IDEMPOTENCY_KEY_REUSED = ("idempotency_key_reused", 422, "The key was used for another request")
    INVALID_RESET_TOKEN = ("invalid_reset_token", 422, "The reset token is not valid")
    UPGRADE_REQUIRED = ("upgrade_required", 426, "The address is a WebSocket")
    RATE_LIMITED = ("rate_limited", 429, "Too many requests")
    CLIENT_ERROR = ("client_error", 400, "The request was refused")
    INTERNAL_ERROR = ("internal_error", 500, "Something went wrong on our side")
    HASHING_BUSY = ("hashing_busy", 503, "Too many log-ins at once")
    DATABASE_UNAVAILABLE = ("database_unavailable", 503, "The database does not answer")
    NO_WORKER_AVAILABLE = ("no_worker_available", 503, "No worker has room")
    SESSION_NOT_READY = ("session_not_ready", 503, "The session is coming back")
    WORKER_UNREACHABLE = ("worker_unreachable", 503, "The session's worker does not answer")
    SANDBOX_UNAVAILABLE = ("sandbox_unavailable", 503, "The emulated network does not answer")
    TICKETS_UNAVAILABLE = ("tickets_unavailable", 503, "Tickets of streams cannot be kept at this moment")
    SHUTTING_DOWN = ("shutting_down", 503, "This replica is shutting down")

    def __init__(self, code: str, status: int, title: str) -> None:
        self.code = code
        self.status = status
        self.title = title


class AppError(Exception):
    """Raised next to the rule that it protects; `detail` is a sentence that tells the reader what to do."""

    def __init__(
        self,
        code: Code,
        detail: str,
        *,
        headers: dict[str, str] | None = None,
        errors: list[dict[str, str]] | None = None,
        extra: dict[str, Any] | None = None,
        keeps_changes: bool = False,
    ) -> None:
        super().__init__(f"{code.code}: {detail}")
        self.code = code
        self.detail = detail
        self.headers = headers or {}
        self.errors = errors or []
        self.extra = extra or {}
        # True where the refusal itself has to be recorded: the transaction is committed all the same.
        self.keeps_changes = keeps_changes

    @property
    def retryable(self) -> bool:
        return self.code.status in {429, 503} or self.code is Code.IDEMPOTENCY_IN_FLIGHT


def not_found(what: str) -> AppError:
    """The same answer for what does not exist and for what belongs to somebody else."""
    return AppError(Code.NOT_FOUND, f"No {what} with this id.")


def problem(error: AppError, request_id: str) -> dict[str, Any]:
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": error.code.title,
        "status": error.code.status,
        "code": error.code.code,
        "detail": error.detail,
        "requestId": request_id,
        "retryable": error.retryable,
    }
    if error.errors:
        document["errors"] = error.errors
    return document | error.extra
