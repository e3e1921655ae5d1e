"""The commands that run once."""
