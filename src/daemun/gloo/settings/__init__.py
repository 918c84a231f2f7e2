"""Gloo's Settings: which of their fields count, and what they say for objects that say nothing themselves."""
