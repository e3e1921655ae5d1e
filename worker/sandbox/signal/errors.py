"""Why a Signal message could not be read."""


class SignalError(Exception):
    """The message does not fit any session; the sender must be asked again with fresh keys."""


class DuplicateMessageError(SignalError):
    """Its key was used already: the same message came twice."""
