"""The client library, loaded in the one way that works everywhere. Nothing else imports it first.

At its import it looks for libmagic, which a bare machine does not have; a wheel brings a copy, and teaches
the loader where it is, when it is imported before.
"""

# isort: off
import pylibmagic  # noqa: F401
from neonize.aioze import client, events

__all__ = ["client", "events"]
