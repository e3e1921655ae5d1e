"""Files of messages: where they are kept, and what may be wrong with them."""
