"""Helpers of the tests: small, and without tests of their own."""
