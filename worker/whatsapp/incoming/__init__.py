"""From the library's messages to ours; whatever a stranger has written is read with care."""
