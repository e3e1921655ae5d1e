"""One spelling for each address."""

from email_validator import EmailNotValidError, validate_email

from control_plane.errors import AppError, Code


def normalise_email(text: str) -> str:
    """Lower case throughout: nobody tells two people apart by the case of their addresses."""
    try:
        return validate_email(text.strip(), check_deliverability=False).normalized.casefold()
    except EmailNotValidError as error:
        raise AppError(
            Code.VALIDATION_FAILED,
            "The email address is not valid.",
            errors=[{"pointer": "/email", "detail": str(error)}],
        ) from None
