"""Proxies: one supervised Envoy process per Gateway on this machine.

The keeper, a small process of its own, imports from this package and must start fast: nothing is imported here.
"""
