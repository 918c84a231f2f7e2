"""Certificates that come and change."""
