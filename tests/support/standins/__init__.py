"""Servers that stand in for what cannot be had in a test: each says why, and what its behaviour is taken from."""
