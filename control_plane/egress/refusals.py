"""What went wrong with a customer's URL, as the API tells it."""

from control_plane.egress.troubles import EgressError
from control_plane.errors import AppError, Code

_CODES = {code.code: code for code in Code}


def refusal(error: EgressError, pointer: str) -> AppError:
    """`pointer` names the field with the URL."""
    return AppError(
        _CODES[error.code],
        error.detail,
        errors=[{"pointer": pointer, "detail": error.detail}],
        extra={"retryable": error.may_pass},
    )
