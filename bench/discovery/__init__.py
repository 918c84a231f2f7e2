"""Endpoints from a registry."""
