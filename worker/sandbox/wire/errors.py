"""What a hostile or broken client causes."""


class WireError(Exception):
    """Bytes that no honest client sends; they end the one connection they came by."""
