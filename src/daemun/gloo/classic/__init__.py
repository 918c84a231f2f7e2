"""Gloo's classic mode: Gateways, VirtualServices and RouteTables as the same listeners, hosts and routes that Gateway
API's objects become (`ir/`). Nothing after it knows which of the two APIs somebody wrote.
"""
