"""Starts the whole of Waypost on one machine, with nothing but Python installed on it."""
