"""The engine: what we ask of a WhatsApp client, and the library behind it."""
