"""Figures that anyone can take again: `make bench` starts its own servers and prints what they gave."""
