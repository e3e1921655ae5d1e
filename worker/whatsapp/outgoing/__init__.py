"""From our messages to the library's; what cannot be sent is refused here, in plain words."""
