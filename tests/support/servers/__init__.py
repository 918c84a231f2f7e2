"""Servers on this machine, and real ones that are started for a test."""
