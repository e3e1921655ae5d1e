"""What all words between workers and control plane have in common."""

import msgspec


class Wire(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Unknown fields are left alone: worker and control plane are upgraded one after the other."""
