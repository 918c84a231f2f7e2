"""Upstreams that are functions: where they are, who may call them, and which of them a destination means."""
