"""What a process that a test starts finds around it."""

import os


def without_settings() -> dict[str, str]:
    """The environment of this run, without what it says to Waypost."""
    return {name: value for name, value in os.environ.items() if not name.startswith("WAYPOST_")}
