"""Text."""

from typing import Any

from shared.contracts.messages import Text
from worker.whatsapp import library
from worker.whatsapp.outgoing.limits import LONGEST_TEXT, check_text


def text_message(content: Text, *, with_context: bool) -> Any:
    """The plain form has no place for a context.

    The library is never given a plain string: it would search it for links, which it follows, and mentions.
    """
    text = check_text(content.text, "the text", LONGEST_TEXT)
    if with_context:
        return library.Message(extendedTextMessage={"text": text})
    return library.Message(conversation=text)
