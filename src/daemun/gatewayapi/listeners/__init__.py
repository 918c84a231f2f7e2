"""Gateways and ListenerSets: who has which port, which listeners can serve, and why the others cannot."""
