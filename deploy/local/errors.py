"""What the launcher tells the reader when it cannot go on."""


class LaunchError(Exception):
    """One line that says what to do, then perhaps the last lines of a log."""

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(f"{message}\n{details}" if details else message)
        self.message = message
        self.details = details


class ServerError(LaunchError):
    """An embedded server did not start or did not end."""
